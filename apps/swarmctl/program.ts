import { Command, Option } from 'commander';
import { addCompletionCommands } from './commands/completion.js';
import { addExplainCommand } from './commands/explain.js';
import { addOperatorCommands } from './commands/operators.js';
import { addUnlockCommand } from './commands/unlock.js';
import type { Io } from './io.js';
import {
  answerOf,
  defaultSocket,
  type GlobalFlags,
  type Open,
  openSession,
  type Present,
  type Session,
} from './session.js';

/** The command tree. Sub-commands and flags are those of SwarmKit's swarmctl where it has them. */
export interface Program {
  readonly command: Command;
  /** Closes the connection that a command opened, if any. */
  close(): void;
}

interface Group {
  readonly name: string;
  readonly description: string;
  load(): Promise<(group: Command, open: Open, io: Io, present: Present) => void>;
}

const groups: readonly Group[] = [
  {
    name: 'service',
    description: 'Create, change and look at services',
    load: async () => (await import('./commands/service.js')).addServiceCommands,
  },
  {
    name: 'task',
    description: 'Look at tasks',
    load: async () => (await import('./commands/task.js')).addTaskCommands,
  },
  {
    name: 'node',
    description: 'Look at nodes and say what they may run',
    load: async () => (await import('./commands/node.js')).addNodeCommands,
  },
  {
    name: 'cluster',
    description: 'Look at the cluster',
    load: async () => (await import('./commands/cluster.js')).addClusterCommands,
  },
  {
    name: 'raft',
    description: 'Look at and rescue the log of a manager that does not run',
    load: async () => (await import('./commands/raft.js')).addRaftCommands,
  },
  {
    name: 'secret',
    description: 'What services must know and nobody else',
    load: async () => (await import('./commands/data.js')).addDataCommands('secret'),
  },
  {
    name: 'config',
    description: 'Files for services',
    load: async () => (await import('./commands/data.js')).addDataCommands('config'),
  },
  {
    name: 'network',
    description: 'Networks that services attach to',
    load: async () => (await import('./commands/network.js')).addNetworkCommands,
  },
  {
    name: 'volume',
    description: 'Volumes of the cluster',
    load: async () => (await import('./commands/volume.js')).addVolumeCommands,
  },
];

export async function createProgram(
  argv: readonly string[],
  io: Io,
  version: string,
): Promise<Program> {
  let session: Promise<Session> | undefined;
  const command = new Command('swarmctl')
    .description('Control a swarm through a manager.')
    .version(version, '-v, --version', 'print the version and exit')
    .option('-s, --socket <path>', `control socket (default: $SWARM_SOCKET or ${defaultSocket})`)
    .addOption(
      new Option('--format <form>', 'how to print').choices(['table', 'json']).default('table'),
    )
    .enablePositionalOptions();
  const open: Open = () => {
    session ??= openSession(command.opts<GlobalFlags>(), io);
    return session;
  };
  const present: Present = () => answerOf(command.opts<GlobalFlags>(), io);
  for (const { name, description, load } of groups) {
    const group = new Command(name).description(description).enablePositionalOptions();
    // A group that is not named cannot be used: its modules need not be loaded.
    if (argv.includes(name)) (await load())(group, open, io, present);
    command.addCommand(withGlobalFlags(group));
  }
  addExplainCommand(command, open);
  addUnlockCommand(command, io);
  addOperatorCommands(command, io);
  addCompletionCommands(command, open, io);
  for (const one of everyCommand(command)) speakThrough(io, one);
  return {
    command,
    close: () => {
      session?.then(({ control }) => control.close()).catch(() => undefined);
    },
  };
}

/** `--format` and `--socket` may also stand behind the sub-command, where people type them. */
function withGlobalFlags(group: Command): Command {
  for (const sub of group.commands) {
    sub.addOption(new Option('--format <form>', 'how to print').choices(['table', 'json']));
    sub.option('-s, --socket <path>', 'control socket');
    sub.hook('preAction', (_parent, action) => {
      const root = ancestors(action).at(-1);
      for (const key of ['format', 'socket'] as const) {
        const value: unknown = action.getOptionValue(key);
        if (value !== undefined) root?.setOptionValue(key, value);
      }
    });
  }
  return group;
}

/** Commander's refusals in the words of all others, and as exceptions instead of exits. */
function speakThrough(io: Io, command: Command): void {
  const called = ancestors(command)
    .map((one) => one.name())
    .reverse()
    .join(' ');
  command.exitOverride().configureOutput({
    writeOut: (text) => io.stdout.write(text),
    writeErr: (text) => io.stderr.write(text),
    getOutHelpWidth: () => io.stdout.columns(),
    getErrHelpWidth: () => io.stderr.columns(),
    outputError: (text) => {
      const sentence = text
        .replace(/^error: /, '')
        .trim()
        .replace(/[.\s]*\n\s*|\. (?=[A-Z])/g, '; ')
        .replace(/\.$/, '');
      io.stderr.write(`swarmctl: ${sentence}; see ${called} --help\n`);
    },
  });
}

/** From a command up to the root. */
const ancestors = (command: Command): readonly Command[] =>
  command.parent === null ? [command] : [command, ...ancestors(command.parent)];

const everyCommand = (command: Command): readonly Command[] => [
  command,
  ...command.commands.flatMap(everyCommand),
];
