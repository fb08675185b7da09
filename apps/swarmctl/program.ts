import { Command, Option } from 'commander';
import { clusterCommand } from './commands/cluster.js';
import { completionCommand } from './commands/completion.js';
import { nodeCommand } from './commands/node.js';
import { serviceCommand } from './commands/service.js';
import { taskCommand } from './commands/task.js';
import { type GlobalFlags, openSession, type Session } from './session.js';

/** The command tree. Sub-commands and flags are those of SwarmKit's swarmctl where it has them. */
export interface Program {
  readonly command: Command;
  /** Closes the connection that a command opened, if any. */
  close(): void;
}

export function createProgram(version: string): Program {
  let session: Session | undefined;
  const command = new Command('swarmctl')
    .description('Control a swarm through a manager.')
    .version(version, '-v, --version', 'print the version and exit')
    .option(
      '-s, --socket <path>',
      'control socket (default: $SWARM_SOCKET or ./swarmkitstate/swarmd.sock)',
    )
    .addOption(
      new Option('--format <form>', 'how to print').choices(['table', 'json']).default('table'),
    )
    .enablePositionalOptions()
    .showHelpAfterError('(add --help for the flags)');
  const open = (): Session => {
    session ??= openSession(command.opts<GlobalFlags>());
    return session;
  };
  for (const make of [serviceCommand, taskCommand, nodeCommand, clusterCommand])
    command.addCommand(withFormat(make(open)));
  command.addCommand(completionCommand(command, open));
  return { command, close: () => session?.control.close() };
}

/** `--format` and `--socket` may also stand behind the sub-command, where people type them. */
function withFormat(group: Command): Command {
  for (const sub of group.commands) {
    sub.addOption(new Option('--format <form>', 'how to print').choices(['table', 'json']));
    sub.addOption(new Option('-s, --socket <path>', 'control socket'));
    sub.hook('preAction', (_parent, action) => {
      const root = rootOf(action);
      for (const key of ['format', 'socket'] as const) {
        const value = action.getOptionValue(key) as string | undefined;
        if (value !== undefined) root.setOptionValue(key, value);
      }
    });
  }
  return group;
}

const rootOf = (command: Command): Command => (command.parent ? rootOf(command.parent) : command);
