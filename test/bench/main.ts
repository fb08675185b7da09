import { print, toRow, type Figure } from './report.js';
import { benchRollout } from './rollout.js';
import { benchStart } from './start.js';

/** `npm run bench -- NAME [--rounds N] [--json]`. */

const benches: Readonly<Record<string, (rounds: number) => Promise<readonly Figure[]>>> = {
  start: benchStart,
  rollout: benchRollout,
};

const words = process.argv.slice(2);
const roundsAt = words.indexOf('--rounds');
const rounds = roundsAt < 0 ? 3 : Number(words[roundsAt + 1]);
const names = words.filter(
  (word, at) => !word.startsWith('--') && at !== roundsAt + 1 - (roundsAt < 0 ? 1e9 : 0),
);
const bench = benches[names[0] ?? ''];
if (bench === undefined || names.length !== 1 || !Number.isInteger(rounds) || rounds < 1) {
  console.error(
    `bench: name one of ${Object.keys(benches).join(', ')}: npm run bench -- NAME [--rounds N] [--json]`,
  );
  process.exit(2);
}
const figures = await bench(rounds);
print(figures.map(toRow), words.includes('--json'));
process.exit(0);
