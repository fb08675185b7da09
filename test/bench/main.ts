import { benchJoin } from './join.js';
import { benchRaft } from './raft.js';
import { print, toRow, type Figure } from './report.js';
import { benchRollout } from './rollout.js';
import { benchStart } from './start.js';
import { benchUpdate } from './update.js';

/** `npm run bench -- NAME [--rounds N] [--only CASE] [--json]`; `--only` for benches that have several. */

const benches: Readonly<
  Record<string, (rounds?: number, only?: string) => Promise<readonly Figure[]>>
> = {
  start: benchStart,
  rollout: benchRollout,
  join: benchJoin,
  update: benchUpdate,
  raft: benchRaft,
};

const words = process.argv.slice(2);
const optionOf = (flag: string): string | undefined => {
  const at = words.indexOf(flag);
  return at < 0 ? undefined : words.splice(at, 2)[1];
};
const roundsAsked = optionOf('--rounds');
const only = optionOf('--only');
const names = words.filter((word) => !word.startsWith('--'));
const bench = benches[names[0] ?? ''];
/** Each bench knows how many are worth their time. */
const rounds = roundsAsked === undefined ? undefined : Number(roundsAsked);
const isCount = rounds === undefined || (Number.isInteger(rounds) && rounds > 0);
if (bench === undefined || names.length !== 1 || !isCount) {
  console.error(
    `bench: name one of ${Object.keys(benches).join(', ')}: npm run bench -- NAME [--rounds N] [--only CASE] [--json]`,
  );
  process.exit(2);
}
const figures = await bench(rounds, only);
print(figures.map(toRow), words.includes('--json'));
process.exit(0);
