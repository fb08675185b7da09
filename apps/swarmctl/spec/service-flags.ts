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
  readonly entrypoint?: string;
  readonly args?: readonly string[];
  readonly env?: readonly string[];
  readonly envFile?: readonly string[];
  readonly workdir?: string;
  readonly user?: string;
  readonly hostname?: string;
  readonly group?: readonly string[];
  readonly host?: readonly string[];
  readonly dns?: readonly string[];
  readonly dnsOption?: readonly string[];
  readonly dnsSearch?: readonly string[];
  readonly secret?: readonly string[];
  readonly config?: readonly string[];
  readonly capAdd?: readonly string[];
  readonly capDrop?: readonly string[];
  readonly sysctl?: readonly string[];
  readonly isolation?: string;
  readonly credentialSpec?: string;
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
  readonly genericResource?: readonly string[];
  readonly memorySwap?: string;
  readonly memorySwappiness?: string;
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
  readonly healthStartInterval?: string;
  /** False when `--no-healthcheck` is given; Commander's default is true. */
  readonly healthcheck?: boolean;
  readonly logDriver?: string;
  readonly logOpt?: readonly string[];
  readonly withRegistryAuth?: boolean;
  // Only of `update`:
  readonly envAdd?: readonly string[];
  readonly envRm?: readonly string[];
  readonly labelAdd?: readonly string[];
  readonly labelRm?: readonly string[];
  readonly containerLabelAdd?: readonly string[];
  readonly containerLabelRm?: readonly string[];
  readonly groupAdd?: readonly string[];
  readonly groupRm?: readonly string[];
  readonly hostAdd?: readonly string[];
  readonly hostRm?: readonly string[];
  readonly dnsAdd?: readonly string[];
  readonly dnsRm?: readonly string[];
  readonly dnsOptionAdd?: readonly string[];
  readonly dnsOptionRm?: readonly string[];
  readonly dnsSearchAdd?: readonly string[];
  readonly dnsSearchRm?: readonly string[];
  readonly secretAdd?: readonly string[];
  readonly secretRm?: readonly string[];
  readonly configAdd?: readonly string[];
  readonly configRm?: readonly string[];
  readonly sysctlAdd?: readonly string[];
  readonly sysctlRm?: readonly string[];
  readonly ulimitAdd?: readonly string[];
  readonly ulimitRm?: readonly string[];
  readonly genericResourceAdd?: readonly string[];
  readonly genericResourceRm?: readonly string[];
  readonly networkAdd?: readonly string[];
  readonly networkRm?: readonly string[];
  readonly placementPrefAdd?: readonly string[];
  readonly placementPrefRm?: readonly string[];
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
  one('--entrypoint <words>', "replaces the image's entrypoint, cut at blanks");
  several('--args <word>', "replaces the image's command");
  several('-e, --env <NAME=value>', 'environment variable');
  several('--env-file <file>', 'file of environment variables, one a line');
  one('-w, --workdir <dir>', 'working folder in the container');
  one('-u, --user <user>', 'user or uid, with :group');
  one('--hostname <name>', "container's host name");
  several('--group <group>', 'one more group of the container user');
  several('--host <name:ip>', 'name that the container knows besides');
  several('--dns <ip>', 'name server');
  several('--dns-option <option>', 'option of the resolver');
  several('--dns-search <domain>', 'domain to look names up in');
  several('--secret <spec>', 'secret, or source=…,target=…,uid=…,gid=…,mode=0444');
  several('--config <spec>', 'config, or source=…,target=…,uid=…,gid=…,mode=0444');
  several('--cap-add <capability>', 'capability that the container has besides');
  several('--cap-drop <capability>', 'capability that the container does without');
  several('--sysctl <key=value>', 'kernel parameter of the container');
  one('--isolation <default|process|hyperv>', 'isolation, of Windows containers');
  one(
    '--credential-spec <config://|file://|registry://…>',
    'account description, of Windows containers',
  );
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
  several('--network <name>', 'network, or name=…,alias=…,ip=…,driver-opt=key=value');
  one('--endpoint-mode <vip|dnsrr>', 'how the service is reached');
  several('--constraint <expression>', 'placement constraint, like node.role==manager');
  several('--placement-pref <spread=key>', 'placement preference');
  one('--replicas-max-per-node <n>', 'at most so many tasks on one node');
  one('--cpu-limit, --limit-cpu <cpus>', 'most CPUs to use');
  one('--cpu-reservation, --reserve-cpu <cpus>', 'CPUs to keep free');
  one('--memory-limit, --limit-memory <size>', 'most memory to use');
  one('--memory-reservation, --reserve-memory <size>', 'memory to keep free');
  one('--memory-swap <size>', 'swap to use on top of the memory limit, -1 = as much as there is');
  one(
    '--memory-swappiness <n>',
    'how readily memory is swapped out, 0 to 100; -1 = as the node has it',
  );
  one('--generic-resources <kind=n,…>', "reserve of a node's own kinds of resources, like gpu=2");
  several('--generic-resource <kind=n>', 'the same, one kind at a time');
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
  one('--health-start-interval <span>', 'time between two checks while it starts');
  one('--no-healthcheck', "ignore the image's health check");
  one('--log-driver <name>', 'log driver');
  several('--log-opt <key=value>', 'log driver option');
  one('--with-registry-auth', 'give the nodes what docker login has kept for the registry');
  one('--no-resolve-image', 'as it always is here: the image is stored as it is written');
}

/** What can only be said of a service that is there. */
export function addUpdateFlags(command: Command): void {
  const several = (flags: string, text: string): void => list(command, flags, text);
  several('--env-add <NAME=value>', 'add or change an environment variable');
  several('--env-rm <NAME>', 'remove an environment variable');
  several('--label-add <key=value>', 'add or change a service label');
  several('--label-rm <key>', 'remove a service label');
  several('--container-label-add <key=value>', 'add or change a container label');
  several('--container-label-rm <key>', 'remove a container label');
  several('--group-add <group>', 'add a group of the container user');
  several('--group-rm <group>', 'remove a group of the container user');
  several('--host-add <name:ip>', 'add a name that the container knows');
  several('--host-rm <name:ip>', 'remove one');
  several('--dns-add <ip>', 'add a name server');
  several('--dns-rm <ip>', 'remove a name server');
  several('--dns-option-add <option>', 'add an option of the resolver');
  several('--dns-option-rm <option>', 'remove an option of the resolver');
  several('--dns-search-add <domain>', 'add a domain to look names up in');
  several('--dns-search-rm <domain>', 'remove one');
  several('--secret-add <spec>', 'add a secret, or replace the one in the same file');
  several('--secret-rm <secret>', 'remove a secret');
  several('--config-add <spec>', 'add a config, or replace the one in the same file');
  several('--config-rm <config>', 'remove a config');
  several('--sysctl-add <key=value>', 'add or change a kernel parameter');
  several('--sysctl-rm <key>', 'remove a kernel parameter');
  several('--ulimit-add <name=soft[:hard]>', 'add or change a resource limit of the kernel');
  several('--ulimit-rm <name>', 'remove a resource limit of the kernel');
  several('--generic-resource-add <kind=n>', 'add or change a reservation of a generic resource');
  several('--generic-resource-rm <kind>', 'remove one');
  several('--network-add <name>', 'attach to one more network, or in another way');
  several('--network-rm <name>', 'detach from a network');
  several('--placement-pref-add <spread=key>', 'add a placement preference');
  several('--placement-pref-rm <spread=key>', 'remove a placement preference');
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
