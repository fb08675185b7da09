/**
 * Docker's CLI takes a value for its switches, `--detach=false`, and Commander does not. Read as: `true` is the
 * switch, `false` its opposite where there is one (`--no-tty`), else nothing.
 */
import type { Command, Option } from 'commander';

export function acceptSwitchValues(command: Command, upTo: 'the first word' | 'the end'): void {
  const parse = command.parseOptions.bind(command);
  const isOver = (word: string): boolean =>
    word === '--' || (upTo === 'the first word' && !word.startsWith('-'));
  command.parseOptions = (argv) => parse(withoutSwitchValues(command.options, argv, isOver));
}

function withoutSwitchValues(
  options: readonly Option[],
  argv: readonly string[],
  isOver: (word: string) => boolean,
): string[] {
  const found: string[] = [];
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] as string;
    // What follows the first word that is no flag may be a container's own.
    if (isOver(word)) return [...found, ...argv.slice(at)];
    const [, flag = word, value] = /^(--[^=]+)=(true|false|1|0)$/i.exec(word) ?? [];
    const option = options.find(({ short, long }) => flag === short || flag === long);
    if (value === undefined || option === undefined || !isSwitch(option)) found.push(word);
    else if (/^(true|1)$/i.test(value)) found.push(flag);
    else found.push(...opposite(options, flag));
    // Its value is the next word.
    if (option !== undefined && !isSwitch(option) && !word.includes('=') && at + 1 < argv.length)
      found.push(argv[++at] as string);
  }
  return found;
}

const isSwitch = (option: Option): boolean => !option.required && !option.optional;

const opposite = (options: readonly Option[], flag: string): readonly string[] => {
  const other = flag.replace(/^--/, '--no-');
  return options.some(({ long }) => long === other) ? [other] : [];
};
