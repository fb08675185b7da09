/** What of the machine shapes a container: its cgroup controllers and its processor. */
export interface HostFacts {
  readonly cgroupVersion: 1 | 2;
  /** Controllers that limits can be set with; a limit without its controller is left out and said so. */
  readonly controllers: {
    readonly cpuQuota: boolean;
    readonly memory: boolean;
    readonly swap: boolean;
    readonly pids: boolean;
  };
  /** Go's name: `amd64`, `arm64`. */
  readonly architecture: string;
  readonly hostname: string;
}
