import { Command, CommanderError, Option } from 'commander';
import { availabilities, executorNames, type Flags, logLevels } from './settings.js';

/**
 * Flags as SwarmKit's swarmd has them, and those of our own. Throws a CommanderError after it has said what
 * is wrong, or shown what was asked for.
 */
export function parseCommandLine(argv: readonly string[], version: string): Flags {
  const collect = (value: string, before: readonly string[]): readonly string[] => [
    ...before,
    value,
  ];
  const command = new Command('swarmd')
    .description('Run a swarm node: manager and agent in one process.')
    .version(version, '-v, --version', 'print the version and exit')
    .option('-d, --state-dir <dir>', 'where the node keeps its state (default: ./swarmkitstate)')
    .option(
      '--listen-control-api <socket>',
      'path of the control socket (default: swarmd.sock in the state folder)',
    )
    .option('--listen-remote-api <addr>', 'address for other nodes (default: 0.0.0.0:4242)')
    .option(
      '--advertise-remote-api <addr>',
      'where other nodes reach this one (default: from --listen-remote-api)',
    )
    .addOption(new Option('--advertise-addr <addr>', 'the same, as docker calls it').hideHelp())
    .option(
      '--join-addr <addrs>',
      'managers of the cluster to join, host:port, separated by commas; only until it has joined',
    )
    .option('--join-token <token>', 'its token, which says as what: worker or manager')
    .option(
      '--force-new-cluster',
      'go on alone with the state that is here, when the other managers are lost for good',
    )
    .addOption(
      new Option(
        '--unlock-key <key>',
        'for a manager that is locked; better in the environment, where ps does not show it',
      ).env('SWARM_UNLOCK_KEY'),
    )
    .addOption(
      new Option('--availability <how>', 'how it takes part from the first moment').choices([
        ...availabilities,
      ]),
    )
    .option('--hostname <name>', "this node's name (default: the machine's)")
    .option(
      '--generic-node-resources <kind=value,…>',
      'what the node has of its own kinds, like fpga=2,gpu=UUID1,gpu=UUID2',
    )
    .addOption(
      new Option('-l, --log-level <level>', 'what is logged (default: info)').choices([
        ...logLevels,
      ]),
    )
    .option('--config <file>', 'YAML file with the same settings, plugin configuration and more')
    .addOption(
      new Option('--executor <name>', 'what runs tasks (default: containerd)').choices([
        ...executorNames,
      ]),
    )
    .option(
      '--containerd-addr <socket>',
      "containerd's socket (default: /run/containerd/containerd.sock)",
    )
    .option('--engine-addr <socket>', "Docker's socket (default: unix:///var/run/docker.sock)")
    .option('--load <dir>', 'folder of a further plugin package; may be given again', collect, [])
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => {
        const sentence = text
          .replace(/^error: /, '')
          .trim()
          .replace(/[.\s]*\n\s*|\. (?=[A-Z])/g, '; ')
          .replace(/\.$/, '');
        write(`swarmd: ${sentence}; see swarmd --help\n`);
      },
    });
  command.parse([...argv], { from: 'user' });
  return command.opts<Flags>();
}

export { CommanderError };
