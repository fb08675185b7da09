/** Which Linux capabilities a container gets. */
import { SwarmError } from '@swarmkit/sdk/plugin/errors';

/** What Docker grants unless told otherwise. */
const defaults: readonly string[] = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FSETID',
  'FOWNER',
  'MKNOD',
  'NET_RAW',
  'SETGID',
  'SETUID',
  'SETFCAP',
  'SETPCAP',
  'NET_BIND_SERVICE',
  'SYS_CHROOT',
  'KILL',
  'AUDIT_WRITE',
];

const others: readonly string[] = [
  'AUDIT_CONTROL',
  'AUDIT_READ',
  'BLOCK_SUSPEND',
  'BPF',
  'CHECKPOINT_RESTORE',
  'DAC_READ_SEARCH',
  'IPC_LOCK',
  'IPC_OWNER',
  'LEASE',
  'LINUX_IMMUTABLE',
  'MAC_ADMIN',
  'MAC_OVERRIDE',
  'NET_ADMIN',
  'NET_BROADCAST',
  'PERFMON',
  'SYS_ADMIN',
  'SYS_BOOT',
  'SYS_MODULE',
  'SYS_NICE',
  'SYS_PACCT',
  'SYS_PTRACE',
  'SYS_RAWIO',
  'SYS_RESOURCE',
  'SYS_TIME',
  'SYS_TTY_CONFIG',
  'SYSLOG',
  'WAKE_ALARM',
];

const known: ReadonlySet<string> = new Set([...defaults, ...others]);

/**
 * The default set without `drop`, with `add`; `ALL` stands for every capability. What is named in both
 * is granted, unless everything was added and it was dropped by name.
 */
export function capabilities(add: readonly string[], drop: readonly string[]): readonly string[] {
  const added = add.map(normalized);
  const dropped = drop.map(normalized);
  const base = added.includes('ALL')
    ? [...known].filter((name) => !dropped.includes(name))
    : [...defaults.filter((name) => !dropped.includes('ALL') && !dropped.includes(name)), ...added];
  return [...new Set(base)].map((name) => `CAP_${name}`);
}

function normalized(name: string): string {
  const short = name.toUpperCase().replace(/^CAP_/, '');
  if (short !== 'ALL' && !known.has(short))
    throw new SwarmError(
      'invalid-argument',
      'CONTAINERD_SPEC_INVALID',
      `invalid capability "${name}"; use a name like NET_ADMIN, or ALL`,
    );
  return short;
}
