/**
 * npm run sim -- --seeds N [--seed S] [--profile raft|orchestration|all] [--jobs J] [--trace]
 *
 * Plays seeds S to S+N-1 in J processes, and says what happened in them. A seed that breaks a promise
 * is named with the command that replays it; then the exit status is 1.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type MutantName, mutants } from './mutants.js';
import { plugins, withRaft } from './plugins.js';
import { type Profile, runSeed, type SeedReport } from './run-seed.js';

const profiles: readonly string[] = ['raft', 'orchestration', 'all'];

interface Settings {
  readonly first: number;
  readonly seeds: number;
  readonly profile: Profile;
  readonly jobs: number;
  readonly trace: boolean;
  /** plugin.js of another build of the raft plugin. */
  readonly raft: string | undefined;
  readonly mutant: MutantName | undefined;
}

function settings(): Settings {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      seeds: { type: 'string', default: '1' },
      profile: { type: 'string', default: 'all' },
      jobs: { type: 'string', default: '2' },
      trace: { type: 'boolean', default: false },
      raft: { type: 'string' },
      mutant: { type: 'string' },
      worker: { type: 'boolean', default: false },
    },
  });
  const number = (name: 'seed' | 'seeds' | 'jobs'): number => {
    const value = Number(values[name]);
    if (Number.isSafeInteger(value) && value >= (name === 'seed' ? 0 : 1)) return value;
    throw new Error(`--${name} must be a whole number, not ${values[name]}`);
  };
  if (!profiles.includes(values.profile))
    throw new Error(`--profile must be one of ${profiles.join(', ')}, not ${values.profile}`);
  if (values.mutant !== undefined && !(values.mutant in mutants))
    throw new Error(`--mutant must be one of ${Object.keys(mutants).join(', ')}`);
  return {
    first: number('seed'),
    seeds: number('seeds'),
    profile: values.profile as Profile,
    jobs: Math.min(number('jobs'), number('seeds')),
    trace: values.trace,
    raft: values.raft,
    mutant: values.mutant as MutantName | undefined,
  };
}

/** Every seed of this process's share, one report a line. */
async function work(settings: Settings, share: number): Promise<void> {
  const real = settings.raft === undefined ? plugins : await withRaft(settings.raft);
  const set = settings.mutant === undefined ? real : mutants[settings.mutant].make(real);
  for (let i = share; i < settings.seeds; i += settings.jobs) {
    const report = await runSeed({
      seed: settings.first + i,
      profile: settings.profile,
      plugins: set,
      ...(settings.trace
        ? { trace: (line: string) => void process.stdout.write(`${line}\n`) }
        : {}),
    });
    process.stdout.write(`${JSON.stringify(report)}\n`);
  }
}

class Summary {
  readonly counts = new Map<string, number>();
  readonly failed: SeedReport[] = [];
  done = 0;
  virtualMs = 0;

  add(report: SeedReport): void {
    this.done++;
    this.virtualMs += report.virtualMs;
    for (const [what, count] of Object.entries(report.counts))
      this.counts.set(what, (this.counts.get(what) ?? 0) + count);
    if (report.broken.length > 0) this.failed.push(report);
  }

  toString(): string {
    const counts = [...this.counts].map(([what, count]) => `  ${what.padEnd(24)}${count}`);
    const hours = (this.virtualMs / 3_600_000).toFixed(1);
    return [`${this.done} seeds, ${hours} hours of virtual time`, ...counts].join('\n');
  }
}

const replayCommand = (settings: Settings, seed: number): string =>
  [
    `npm run sim -- --seed ${seed} --profile ${settings.profile}`,
    ...(settings.raft === undefined ? [] : [`--raft ${settings.raft}`]),
    ...(settings.mutant === undefined ? [] : [`--mutant ${settings.mutant}`]),
    '--trace',
  ].join(' ');

async function lead(settings: Settings): Promise<void> {
  const startedAt = performance.now();
  const summary = new Summary();
  const children: ChildProcess[] = [];
  let shownAt = startedAt;
  const take = (line: string): void => {
    if (!line.startsWith('{"seed"')) {
      process.stdout.write(`${line}\n`);
      return;
    }
    const report = JSON.parse(line) as SeedReport;
    summary.add(report);
    for (const { checker, sentence } of report.broken.slice(0, 1))
      console.log(
        `seed ${report.seed} broke "${checker}": ${sentence}\n  replay: ${replayCommand(settings, report.seed)}`,
      );
    if (performance.now() - shownAt < 5_000) return;
    shownAt = performance.now();
    const seconds = Math.round((shownAt - startedAt) / 1_000);
    console.log(
      `${summary.done} of ${settings.seeds} seeds, ${summary.failed.length} failed, ${seconds} s`,
    );
  };
  const statuses = Array.from({ length: settings.jobs }, (_, share) => {
    const child = spawn(
      process.execPath,
      [
        '--max-semi-space-size=64',
        // Stacks cost, and only people who look at one seed read them.
        ...(settings.trace ? [] : ['--stack-trace-limit=0']),
        fileURLToPath(import.meta.url),
        ...process.argv.slice(2),
        '--worker',
      ],
      { env: { ...process.env, SIM_SHARE: String(share) }, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    children.push(child);
    createInterface({ input: child.stdout as NonNullable<typeof child.stdout> }).on('line', take);
    return new Promise<number>((resolve) => {
      child.on('close', (code) => resolve(code ?? 1));
    });
  });
  process.once('SIGINT', () => {
    for (const child of children) child.kill();
  });
  const codes = await Promise.all(statuses);
  console.log(`\n${summary}`);
  console.log(`${((performance.now() - startedAt) / 1_000).toFixed(1)} s`);
  if (summary.done < settings.seeds) console.log('A process ended before its seeds were played.');
  const isGreen = summary.failed.length === 0 && codes.every((code) => code === 0);
  console.log(isGreen ? 'No promise was broken.' : `${summary.failed.length} seeds failed.`);
  process.exitCode = isGreen && summary.done === settings.seeds ? 0 : 1;
}

try {
  const made = settings();
  if (process.argv.includes('--worker')) await work(made, Number(process.env.SIM_SHARE ?? 0));
  else await lead(made);
} catch (error) {
  console.error(`sim: ${(error as Error).message}`);
  process.exitCode = 2;
}
