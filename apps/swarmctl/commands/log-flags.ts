import type { Command } from 'commander';

/** Flags of `service logs` and `task logs`, named as in Docker's client. */
export interface LogFlags {
  readonly follow?: boolean;
  readonly tail?: string;
  readonly since?: string;
  readonly timestamps?: boolean;
  readonly raw?: boolean;
  /** False with `--no-task-ids`, `--no-trunc`, `--no-resolve`. */
  readonly taskIds?: boolean;
  readonly trunc?: boolean;
  readonly resolve?: boolean;
}

export const addLogFlags = (command: Command): Command =>
  command
    .option('-f, --follow', 'go on as more comes')
    .option('-n, --tail <lines>', 'the last lines of each task, or all', 'all')
    .option('--since <when>', 'a time like 2026-01-31T13:00:00Z, or a span like 42m before now')
    .option('-t, --timestamps', 'show when each line was written')
    .option('--raw', 'the lines alone, without who said them')
    .option('--no-task-ids', 'leave the ids of tasks out')
    .option('--no-trunc', 'show ids whole')
    .option('--no-resolve', 'show ids instead of names');
