import type { Command } from 'commander';
import type { Io } from '../io.js';
import type { Open } from '../session.js';
import { usage } from '../spec/units.js';

/**
 * Shell completion. `swarmctl completion bash|zsh|fish` prints a script that asks `swarmctl __complete`
 * for the words that may follow; the words come from the command tree itself and from the cluster.
 */
export function addCompletionCommands(program: Command, open: Open, io: Io): void {
  program
    .command('completion')
    .description('Print a completion script: source <(swarmctl completion bash)')
    .argument('<shell>', 'bash, zsh or fish')
    .action((shell: string) => {
      if (!Object.hasOwn(scripts, shell))
        throw usage(`there is no completion for ${shell}; use bash, zsh or fish`);
      io.stdout.write(scripts[shell as keyof typeof scripts]);
    });
  program
    .command('__complete [words...]', { hidden: true })
    .allowUnknownOption()
    .passThroughOptions()
    .action(async (words: readonly string[]) => {
      for (const word of await complete(program, words, open)) io.stdout.write(`${word}\n`);
    });
}

/** Words that may stand where the last of `words` is being typed. */
async function complete(
  program: Command,
  words: readonly string[],
  open: Open,
): Promise<readonly string[]> {
  const typed = words.at(-1) ?? '';
  const { command, waiting } = walk(program, words.slice(0, -1));
  if (waiting !== undefined) return startingWith(typed, waiting.argChoices ?? []);
  if (typed.startsWith('-'))
    return startingWith(
      typed,
      command.options.flatMap(({ short, long }) =>
        // Where a flag has two long names, Commander calls the first one short.
        [short, long].filter((name) => name?.startsWith('--') === true),
      ),
    );
  if (command.commands.length > 0)
    return startingWith(
      typed,
      command.commands.map((one) => one.name()).filter((name) => !name.startsWith('_')),
    );
  if (command.name() === 'completion') return startingWith(typed, Object.keys(scripts));
  return startingWith(typed, await objectNames(command, open));
}

const startingWith = (typed: string, words: readonly (string | undefined)[]): readonly string[] =>
  [...new Set(words)].flatMap((word) => (word?.startsWith(typed) ? [word] : [])).sort();

/**
 * The command that the words lead to, and the flag whose value comes next, if any. A `--socket` on the
 * way is heeded: the names of objects are asked for there.
 */
function walk(
  program: Command,
  words: readonly string[],
): { readonly command: Command; readonly waiting: Command['options'][number] | undefined } {
  let command = program;
  let waiting: Command['options'][number] | undefined;
  for (const word of words) {
    if (waiting !== undefined) {
      if (waiting.long === '--socket') program.setOptionValue('socket', word);
      waiting = undefined;
    } else if (word.startsWith('-')) {
      const flag = command.options.find(({ short, long }) => word === short || word === long);
      waiting = flag?.required === true ? flag : undefined;
    } else {
      const next = command.commands.find(
        (one) => one.name() === word || one.aliases().includes(word),
      );
      command = next ?? command;
    }
  }
  return { command, waiting };
}

/** Names of the objects that a command's argument speaks of; none when no manager can be asked. */
async function objectNames(command: Command, open: Open): Promise<readonly string[]> {
  const kind = command.registeredArguments[0]?.name();
  const { completedKinds, namesOf } = await import('../actions/names-of.js');
  const asked = completedKinds.find((one) => one === kind);
  if (asked === undefined) return [];
  // Completion never fails: where nothing can be asked, nothing is offered.
  return await open()
    .then(({ control }) => namesOf(control, asked))
    .catch(() => []);
}

const scripts = {
  bash: `_swarmctl() {
  local IFS=$'\\n'
  COMPREPLY=($(swarmctl __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _swarmctl swarmctl
`,
  zsh: `#compdef swarmctl
_swarmctl() {
  local -a found
  found=("\${(@f)$(swarmctl __complete -- "\${words[@]:1:$((CURRENT-1))}" 2>/dev/null)}")
  compadd -a found
}
compdef _swarmctl swarmctl
`,
  fish: `complete -c swarmctl -f -a '(swarmctl __complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
`,
} as const;
