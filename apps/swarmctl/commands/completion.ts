import {
  ListNodesRequest,
  ListServicesRequest,
  ListTasksRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { Command } from 'commander';
import { usage } from '../spec/units.js';
import type { Session } from '../session.js';

/**
 * Shell completion. `swarmctl completion bash|zsh|fish` prints a script that asks `swarmctl __complete`
 * for the words that may follow; the words come from the command tree itself and from the cluster.
 */

export function completionCommand(program: Command, open: () => Session): Command {
  program
    .command('__complete [words...]', { hidden: true })
    .allowUnknownOption()
    .passThroughOptions()
    .action(async (words: readonly string[]) => {
      for (const word of await complete(program, words, open)) console.log(word);
    });
  return new Command('completion')
    .description('Print a completion script: source <(swarmctl completion bash)')
    .argument('<shell>', 'bash, zsh or fish')
    .action((shell: string) => {
      const script = scripts[shell];
      if (script === undefined)
        throw usage(`there is no completion for ${shell}; use bash, zsh or fish`);
      process.stdout.write(script);
    });
}

/** Words that may stand where the last of `words` is being typed. */
export async function complete(
  program: Command,
  words: readonly string[],
  open: () => Session,
): Promise<readonly string[]> {
  const typed = words.at(-1) ?? '';
  let at = program;
  for (const word of words.slice(0, -1)) {
    const next = at.commands.find((one) => one.name() === word || one.aliases().includes(word));
    if (next !== undefined) at = next;
  }
  const candidates = typed.startsWith('-')
    ? at.options.flatMap(({ long }) => (long ? [long] : []))
    : at.commands.length > 0
      ? at.commands.map((one) => one.name()).filter((name) => !name.startsWith('__'))
      : await namesFor(at, open);
  return candidates.filter((word) => word.startsWith(typed)).sort();
}

/** Names of the objects a command's argument speaks of; none when no manager can be asked. */
async function namesFor(command: Command, open: () => Session): Promise<readonly string[]> {
  const kind = command.registeredArguments[0]?.name();
  try {
    const { control } = open();
    if (kind === 'service')
      return (
        await control.listServices(ListServicesRequest.create(), { timeoutMs: 1000 })
      ).services.map((one) => one.spec?.annotations?.name ?? one.id);
    if (kind === 'node')
      return (await control.listNodes(ListNodesRequest.create(), { timeoutMs: 1000 })).nodes.map(
        (one) => one.description?.hostname || one.id,
      );
    if (kind === 'task')
      return (await control.listTasks(ListTasksRequest.create(), { timeoutMs: 1000 })).tasks.map(
        ({ id }) => id,
      );
  } catch {
    // Completion never fails: where nothing can be asked, nothing is offered.
  }
  return [];
}

const scripts: Readonly<Record<string, string>> = {
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
};
