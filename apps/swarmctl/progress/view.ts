import type { Io, Output } from '../io.js';

/**
 * Shows how far something is: a bar that redraws itself on a terminal, elsewhere a line for each change.
 * Standard output is for what scripts want, the id; progress goes there only where a person looks at it.
 */
export interface ProgressView {
  show(state: Progress): void;
  /** A sentence of its own, in place of the bar or under it. */
  note(text: string): void;
  /** Leaves the cursor on a fresh line. */
  end(): void;
}

export interface Progress {
  readonly running: number;
  readonly wanted: number;
  /** Besides, so many have to stop. */
  readonly leaving: number;
  /** What it waits for, where that is known. */
  readonly reason: string;
}

export const silent: ProgressView = {
  show: () => undefined,
  note: () => undefined,
  end: () => undefined,
};

/** `done` is what is counted: `tasks running`, or of jobs `tasks completed`. */
export function progressView({ stdout, stderr }: Io, done: string): ProgressView {
  if (stdout.isTerminal) return barOn(stdout);
  return stderr.isTerminal ? barOn(stderr) : linesOn(stderr, done);
}

function barOn(out: Output): ProgressView {
  /** Undefined when the cursor is on a fresh line. */
  let drawn: string | undefined;
  const draw = (line: string): void => {
    if (line !== drawn) out.write(`\r\u001b[2K${line}`);
    drawn = line;
  };
  const end = (): void => {
    if (drawn !== undefined) out.write('\n');
    drawn = undefined;
  };
  return {
    show: (state) => draw(bar(state, out.columns())),
    note: (text) => {
      end();
      out.write(`${text}\n`);
    },
    end,
  };
}

function linesOn(out: Output, done: string): ProgressView {
  let last = '';
  const write = (line: string): void => {
    if (line !== last) out.write(`${line}\n`);
    last = line;
  };
  return {
    show: (state) => {
      const { running, wanted } = state;
      write(`${running} of ${wanted} ${done}${remark(state)}`);
    },
    note: write,
    end: () => undefined,
  };
}

const barWidth = 30;

function bar(state: Progress, columns: number): string {
  const { running, wanted } = state;
  const full = wanted === 0 ? barWidth : Math.floor((barWidth * running) / wanted);
  const drawn = `[${'='.repeat(full)}${' '.repeat(barWidth - full)}]`;
  // One column stays free: a full line would wrap, and a wrapped one cannot be redrawn.
  return `${drawn} ${running}/${wanted}${remark(state)}`.slice(0, Math.max(1, columns - 1));
}

function remark({ running, wanted, leaving, reason }: Progress): string {
  if (running < wanted && reason !== '') return ` ${reason}`;
  return leaving > 0 ? ` (${leaving} to stop)` : '';
}
