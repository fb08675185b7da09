import { durationToMs } from '@swarmkit/sdk/model/time';
import { taskName } from '@swarmkit/sdk/model/task';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { ContainerSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';

/** What a plain process can give of a container spec; the rest is refused, never silently left out. */
export interface ProcessSpec {
  /** Program and arguments. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly dir: string;
  /** `name`, `uid`, `name:group` or `uid:gid`; empty = as the daemon. */
  readonly user: string;
  readonly stopSignal: string;
  readonly stopGraceMs: number;
  readonly memoryBytes: bigint;
  readonly nanoCpus: bigint;
  readonly pidsLimit: bigint;
}

/** Tells a process where its secrets and configs are: a folder that stands for the root of a container. */
export const filesVariable = 'SWARMKIT_FILES';

/** The variable by which a supervisor is known again, also when its pid was used by another process. */
export const markerVariable = 'SWARMKIT_TASK_ID';

const defaultGraceMs = 10_000;

export const isProcessTask = (task: Task): boolean => task.spec?.runtime?.$case === 'container';

export function processSpec(task: Task): ProcessSpec {
  const runtime = task.spec?.runtime;
  if (runtime?.$case !== 'container')
    throw new SwarmError('unimplemented', 'PROCESS_RUNTIME', 'exec: unsupported runtime');
  const container = runtime.value;
  refuse(container);
  const argv = [...container.command, ...container.args];
  if (argv.length === 0)
    throw new SwarmError(
      'invalid-argument',
      'PROCESS_NO_COMMAND',
      'the service names no command, and without an image there is no default one: give it a command',
    );
  const limits = task.spec?.resources?.limits;
  return {
    argv,
    env: {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      HOME: '/',
      HOSTNAME: container.hostname || taskName(task),
      ...Object.fromEntries(container.env.map(pair)),
      [markerVariable]: task.id,
    },
    dir: container.dir || '/',
    user: container.user,
    stopSignal: signalName(container.stopSignal),
    stopGraceMs: durationToMs(container.stopGracePeriod) ?? defaultGraceMs,
    memoryBytes: limits?.memoryBytes ?? 0n,
    nanoCpus: limits?.nanoCpus ?? 0n,
    pidsLimit: container.pidsLimit,
  };
}

/** Docker's forms: `SIGINT`, `INT`, `2`. */
function signalName(text: string): string {
  if (text === '') return 'SIGTERM';
  const upper = text.toUpperCase();
  return /^\d+$/.test(upper) || upper.startsWith('SIG') ? upper : `SIG${upper}`;
}

function refuse(container: ContainerSpec): void {
  const asked = [
    container.mounts.length > 0 && 'mounts',
    // Their folder is this daemon's alone, and to open it to others on the way would open it for good.
    container.user !== '' &&
      container.secrets.length + container.configs.length > 0 &&
      'secrets and configs together with a user of its own',
    container.readOnly && 'a read-only root',
    container.tty && 'a terminal',
    container.privileges !== undefined && 'privileges',
    container.healthcheck !== undefined &&
      container.healthcheck.test.length > 0 &&
      container.healthcheck.test[0] !== 'NONE' &&
      'a health check',
  ].filter((one) => one !== false);
  if (asked.length > 0)
    throw new SwarmError(
      'failed-precondition',
      'PROCESS_UNSUPPORTED',
      `a plain process cannot have ${asked.join(', ')}; run the node with --executor containerd or docker`,
    );
}

const pair = (text: string): readonly [string, string] => {
  const at = text.indexOf('=');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
};
