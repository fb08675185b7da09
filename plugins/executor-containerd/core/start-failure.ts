/** Why a container did not start, from what runc says through the shim and containerd. */
import { SwarmError } from '@swarmkit/sdk/plugin/errors';

/** Layers of wrapping that tell a reader nothing. */
const wrapping =
  /^(?:failed to create (?:shim )?task|failed to start shim|OCI runtime (?:create|start|exec) failed|runc (?:create|start|run) failed|unable to start container process|container_linux\.go:\d+|starting container process caused)[:\s]+/;

export function startFailure(details: string, image: string, cause: unknown): SwarmError {
  let rest = details;
  while (wrapping.test(rest)) rest = rest.replace(wrapping, '');
  rest = rest.replace(/: unknown$/, '').replace(/^"(.*)"$/, '$1');
  const exec = /exec: \\?"(.+?)\\?": (?:stat [^:]*: )?(.*)$/s.exec(rest);
  const message =
    exec === null
      ? `the container of image ${image} cannot be started: ${rest}`
      : `exec: "${exec[1]}": ${exec[2]}; the command must exist in image ${image}`;
  return new SwarmError('failed-precondition', 'CONTAINERD_START', message, { cause });
}

/** The runtime itself has looked at the container and said no. */
export const isRefusedByRunc = (details: string): boolean =>
  /OCI runtime (?:create|start) failed/.test(details) &&
  // Of an earlier start that was cut off, and which containerd is about to clear away.
  !/container with given ID already exists/.test(details);
