/** What a container runs: command, environment and working directory of spec and image together. */
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { ContainerSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import type { ImageConfig } from './image-manifest.js';

const DEFAULT_PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * As Docker: the spec's command replaces the image's entry point, and then the image's own command
 * goes too; the spec's args replace the image's command.
 */
export function commandLine(spec: ContainerSpec, image: ImageConfig): readonly string[] {
  const words =
    spec.command.length > 0
      ? [...spec.command, ...spec.args]
      : [...image.entrypoint, ...(spec.args.length > 0 ? spec.args : image.cmd)];
  if (words.length === 0 || words[0] === '')
    throw new SwarmError(
      'invalid-argument',
      'CONTAINERD_SPEC_INVALID',
      `no command specified: image ${spec.image} names none, so the service must`,
    );
  return words;
}

export interface EnvironmentFacts {
  readonly hostname: string;
  readonly tty: boolean;
  /** Appended as they are. */
  readonly extra: readonly string[];
}

/** Image, then spec: a later entry replaces an earlier one; one without `=` takes the variable away. */
export function environment(
  spec: ContainerSpec,
  image: ImageConfig,
  facts: EnvironmentFacts,
): readonly string[] {
  const variables = new Map<string, string>();
  const put = (entry: string): void => {
    const equals = entry.indexOf('=');
    if (equals < 0) variables.delete(entry);
    else variables.set(entry.slice(0, equals), entry);
  };
  put(DEFAULT_PATH);
  put(`HOSTNAME=${facts.hostname}`);
  if (facts.tty) put('TERM=xterm');
  for (const entry of [...image.env, ...spec.env, ...facts.extra]) put(entry);
  return [...variables.values()];
}

export function workingDirectory(spec: ContainerSpec, image: ImageConfig): string {
  const dir = spec.dir || image.workingDir || '/';
  if (!dir.startsWith('/'))
    throw new SwarmError(
      'invalid-argument',
      'CONTAINERD_SPEC_INVALID',
      `the working directory '${dir}' is invalid, it needs to be an absolute path`,
    );
  return dir;
}
