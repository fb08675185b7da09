/**
 * The system calls that a container may not make unless a capability allows them: those that reach
 * beyond its namespaces or into the kernel itself. A list of refusals and not of permissions, so that a
 * program is not broken by a new harmless call; the capabilities and namespaces beneath still hold.
 */
import type { OciSeccomp, OciSyscallRule } from './oci-types.js';

/** Refused always. */
const never = [
  'add_key',
  'create_module',
  'get_kernel_syms',
  'io_uring_enter',
  'io_uring_register',
  'io_uring_setup',
  'keyctl',
  'nfsservctl',
  'query_module',
  'request_key',
  'sysfs',
  '_sysctl',
  'uselib',
  'userfaultfd',
  'ustat',
  'vm86',
  'vm86old',
];

/** Refused without the capability. */
const needing: Readonly<Record<string, readonly string[]>> = {
  CAP_DAC_READ_SEARCH: ['open_by_handle_at'],
  CAP_SYS_ADMIN: [
    'bpf',
    'fanotify_init',
    'fsconfig',
    'fsmount',
    'fsopen',
    'fspick',
    'lookup_dcookie',
    'mount',
    'mount_setattr',
    'move_mount',
    'open_tree',
    'perf_event_open',
    'pivot_root',
    'quotactl',
    'quotactl_fd',
    'setdomainname',
    'sethostname',
    'setns',
    'swapoff',
    'swapon',
    'umount',
    'umount2',
    'unshare',
  ],
  CAP_SYS_BOOT: ['kexec_file_load', 'kexec_load', 'reboot'],
  CAP_SYS_MODULE: ['delete_module', 'finit_module', 'init_module'],
  CAP_SYS_NICE: ['mbind', 'move_pages', 'set_mempolicy', 'set_mempolicy_home_node'],
  CAP_SYS_PACCT: ['acct'],
  CAP_SYS_PTRACE: [
    'kcmp',
    'pidfd_getfd',
    'process_madvise',
    'process_vm_readv',
    'process_vm_writev',
  ],
  CAP_SYS_RAWIO: ['ioperm', 'iopl'],
  CAP_SYS_TIME: [
    'clock_adjtime',
    'clock_adjtime64',
    'clock_settime',
    'clock_settime64',
    'settimeofday',
    'stime',
  ],
  CAP_SYS_TTY_CONFIG: ['vhangup'],
  CAP_SYSLOG: ['syslog'],
};

const EPERM = 1;
const ENOSYS = 38;
/** CLONE_NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET. */
const NEW_NAMESPACES = 0x7e020000;

/** A 64-bit machine also runs 32-bit programs; for an architecture that is not named the filter kills. */
const architectures: Readonly<Record<string, readonly string[]>> = {
  amd64: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
  arm64: ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'],
};

/** `capabilities` is the container's bounding set; `architecture` is Go's name of the machine's. */
export function seccompProfile(capabilities: readonly string[], architecture: string): OciSeccomp {
  const has = new Set(capabilities);
  const refused = [...never];
  for (const [capability, calls] of Object.entries(needing)) {
    if (!has.has(capability)) refused.push(...calls);
  }
  const rules: OciSyscallRule[] = [{ names: refused, action: 'SCMP_ACT_ERRNO', errnoRet: EPERM }];
  if (!has.has('CAP_SYS_ADMIN')) rules.push(...namespaceRules());
  return {
    defaultAction: 'SCMP_ACT_ALLOW',
    architectures: architectures[architecture] ?? [],
    syscalls: rules,
  };
}

/**
 * clone may make threads and processes but no namespaces. One rule a bit, since a mask matches all its
 * bits or none. clone3 hides its flags in memory, where a filter cannot look: it is said not to exist,
 * and programs fall back to clone.
 */
function namespaceRules(): OciSyscallRule[] {
  const bits = Array.from({ length: 31 }, (_, i) => 2 ** i).filter(
    (bit) => (NEW_NAMESPACES & bit) !== 0,
  );
  return [
    ...bits.map((bit) => ({
      names: ['clone'],
      action: 'SCMP_ACT_ERRNO',
      errnoRet: EPERM,
      args: [{ index: 0, value: bit, valueTwo: bit, op: 'SCMP_CMP_MASKED_EQ' }],
    })),
    { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS },
  ];
}
