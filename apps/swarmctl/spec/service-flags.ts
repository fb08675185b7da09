import { type Command, Option } from 'commander';

/** Flags of `service create` and `service update`, named as in SwarmKit's swarmctl and Docker's CLI. */

export interface ServiceFlags {
  readonly name?: string;
  readonly mode?: string;
  readonly image?: string;
  readonly replicas?: string;
  readonly maxConcurrent?: string;
  readonly label?: readonly string[];
  readonly containerLabel?: readonly string[];
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly string[];
  readonly workdir?: string;
  readonly user?: string;
  readonly hostname?: string;
  readonly tty?: boolean;
  readonly openStdin?: boolean;
  readonly readOnly?: boolean;
  readonly init?: boolean;
  readonly stopSignal?: string;
  readonly stopGracePeriod?: string;
  readonly mount?: readonly string[];
  readonly bind?: readonly string[];
  readonly volume?: readonly string[];
  readonly tmpfs?: readonly string[];
  readonly publish?: readonly string[];
  readonly ports?: readonly string[];
  readonly network?: readonly string[];
  readonly endpointMode?: string;
  readonly constraint?: readonly string[];
  readonly placementPref?: readonly string[];
  readonly replicasMaxPerNode?: string;
  readonly limitCpu?: string;
  readonly reserveCpu?: string;
  readonly limitMemory?: string;
  readonly reserveMemory?: string;
  readonly genericResources?: string;
  readonly limitPids?: string;
  readonly ulimit?: readonly string[];
  readonly oomScoreAdj?: string;
  readonly restartCondition?: string;
  readonly restartDelay?: string;
  readonly restartMaxAttempts?: string;
  readonly restartWindow?: string;
  readonly updateParallelism?: string;
  readonly updateDelay?: string;
  readonly updateMonitor?: string;
  readonly updateFailureAction?: string;
  readonly updateMaxFailureRatio?: string;
  readonly updateOrder?: string;
  readonly rollbackParallelism?: string;
  readonly rollbackDelay?: string;
  readonly rollbackMonitor?: string;
  readonly rollbackFailureAction?: string;
  readonly rollbackMaxFailureRatio?: string;
  readonly rollbackOrder?: string;
  readonly healthCmd?: string;
  readonly healthInterval?: string;
  readonly healthTimeout?: string;
  readonly healthRetries?: string;
  readonly healthStartPeriod?: string;
  /** False when `--no-healthcheck` is given; Commander's default is true. */
  readonly healthcheck?: boolean;
  readonly logDriver?: string;
  readonly logOpt?: readonly string[];
  // Only of `update`:
  readonly envAdd?: readonly string[];
  readonly envRm?: readonly string[];
  readonly labelAdd?: readonly string[];
  readonly labelRm?: readonly string[];
  readonly constraintAdd?: readonly string[];
  readonly constraintRm?: readonly string[];
  readonly publishAdd?: readonly string[];
  readonly publishRm?: readonly string[];
  readonly mountAdd?: readonly string[];
  readonly mountRm?: readonly string[];
  readonly force?: boolean;
  readonly rollback?: boolean;
}

const many = (value: string, before: readonly string[] | undefined): readonly string[] => [
  ...(before ?? []),
  value,
];

const list = (command: Command, flags: string, text: string): void => {
  command.addOption(new Option(flags, `${text}; may be given again`).argParser(many));
};

/** Where there are two long names, the first is SwarmKit's and the second Docker's. */
export function addServiceFlags(command: Command): void {
  const one = (flags: string, text: string): void => {
    command.option(flags, text);
  };
  const several = (flags: string, text: string): void => list(command, flags, text);
  one('--image <image>', 'container image');
  one('--replicas <n>', 'number of tasks; of a job, how many must complete');
  one('--max-concurrent <n>', 'of a job, how many tasks run at once (default: all)');
  several('-l, --label <key=value>', 'service label');
  several('--container-label <key=value>', 'container label');
  several('--command <word>', "replaces the image's entrypoint");
  several('--args <word>', "replaces the image's command");
  several('-e, --env <NAME=value>', 'environment variable');
  one('-w, --workdir <dir>', 'working folder in the container');
  one('-u, --user <user>', 'user or uid, with :group');
  one('--hostname <name>', "container's host name");
  one('-t, --tty', 'allocate a terminal');
  one('--open-stdin', 'keep standard input open');
  one('--read-only', 'mount the root filesystem read-only');
  one('--init', 'run an init inside each container');
  one('--stop-signal <signal>', 'signal that stops the container');
  one('--stop-grace-period <span>', 'time until the container is killed (default: 10s)');
  several('--mount <spec>', 'type=bind|volume|tmpfs,source=…,target=…[,readonly]');
  several('--bind <source:target[:ro]>', 'bind mount');
  several('--volume <name:target[:ro]>', 'volume mount');
  several('--tmpfs <target[:options]>', 'tmpfs mount, with size=64m,mode=1777,ro');
  several('-p, --publish <port>', '[published:]target[/protocol], or published=…,target=…,mode=…');
  several('--ports <port>', 'name:target[/protocol][:published], on the own node of each task');
  several('--network <name>', 'network to attach to');
  one('--endpoint-mode <vip|dnsrr>', 'how the service is reached');
  several('--constraint <expression>', 'placement constraint, like node.role==manager');
  several('--placement-pref <spread=key>', 'placement preference');
  one('--replicas-max-per-node <n>', 'at most so many tasks on one node');
  one('--cpu-limit, --limit-cpu <cpus>', 'most CPUs to use');
  one('--cpu-reservation, --reserve-cpu <cpus>', 'CPUs to keep free');
  one('--memory-limit, --limit-memory <size>', 'most memory to use');
  one('--memory-reservation, --reserve-memory <size>', 'memory to keep free');
  one('--generic-resources <kind=n,…>', "reserve of a node's own kinds of resources, like gpu=2");
  one('--limit-pids <n>', 'most processes');
  several('--ulimit <name=soft[:hard]>', 'resource limit of the kernel, like nofile=1024:2048');
  one('--oom-score-adj <n>', 'who is killed first when memory runs out, -1000 to 1000');
  one('--restart-condition <none|on-failure|any>', 'when to restart (default: any)');
  one('--restart-delay <span>', 'wait before a restart (default: 5s)');
  one('--restart-max-attempts <n>', 'give up after so many (default: never)');
  one('--restart-window <span>', 'window in which attempts are counted');
  for (const kind of ['update', 'rollback']) {
    one(`--${kind}-parallelism <n>`, `tasks to ${kind} at once, 0 = all (default: 1)`);
    one(`--${kind}-delay <span>`, 'wait between two of them');
    one(`--${kind}-monitor <span>`, 'how long a new task is watched for failure (default: 5s)');
    one(
      `--${kind}-on-failure, --${kind}-failure-action <${kind === 'update' ? 'pause|continue|rollback' : 'pause|continue'}>`,
      'what a failure does (default: pause)',
    );
    one(`--${kind}-max-failure-ratio <ratio>`, 'failures to tolerate, 0 to 1');
    one(`--${kind}-order <stop-first|start-first>`, 'which of old and new goes first');
  }
  one('--health-cmd <command>', 'command that checks health');
  one('--health-interval <span>', 'time between two checks');
  one('--health-timeout <span>', 'longest time of one check');
  one('--health-retries <n>', 'failures in a row until unhealthy');
  one('--health-start-period <span>', 'time to start in which failures do not count');
  one('--no-healthcheck', "ignore the image's health check");
  one('--log-driver <name>', 'log driver');
  several('--log-opt <key=value>', 'log driver option');
}

/** What can only be said of a service that is there. */
export function addUpdateFlags(command: Command): void {
  const several = (flags: string, text: string): void => list(command, flags, text);
  several('--env-add <NAME=value>', 'add or change an environment variable');
  several('--env-rm <NAME>', 'remove an environment variable');
  several('--label-add <key=value>', 'add or change a service label');
  several('--label-rm <key>', 'remove a service label');
  several('--constraint-add <expression>', 'add a constraint');
  several('--constraint-rm <expression>', 'remove a constraint');
  several('--publish-add <port>', 'publish one more port');
  several('--publish-rm <target-port>', 'stop publishing a port, like 80 or 80/udp');
  several('--mount-add <spec>', 'add a mount, or replace the one with the same target');
  several('--mount-rm <target>', 'remove a mount');
  command.option('--no-tty', 'allocate no terminal');
  command.option('--no-open-stdin', 'close standard input');
  command.option('--no-read-only', 'mount the root filesystem writable');
  command.option('--no-init', 'run no init');
  command.option('--force', 'replace all tasks even if nothing else changed');
  command.option('--rollback', 'go back to the previous specification');
}
