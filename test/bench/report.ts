/** What a bench prints: one row a figure, the ratio against the peer of the same run. */

export interface Figure {
  readonly bench: string;
  readonly case: string;
  readonly metric: string;
  readonly unit: string;
  readonly ours: number;
  readonly peer?: number;
}

/** Rounds of a bench, when nothing is said. */
export const ROUNDS = 3;

export interface Row extends Figure {
  readonly ratio?: number;
}

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1
    ? (sorted[Math.floor(middle)] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
};

export const toRow = (figure: Figure): Row =>
  figure.peer === undefined
    ? { ...figure, ours: round(figure.ours) }
    : {
        ...figure,
        ours: round(figure.ours),
        peer: round(figure.peer),
        ratio: round(figure.ours / figure.peer),
      };

const round = (value: number): number => Number(value.toPrecision(4));

export function print(rows: readonly Row[], json: boolean): void {
  if (json) {
    for (const row of rows) console.log(JSON.stringify(row));
    return;
  }
  const cells = rows.map((row) => [
    row.bench,
    row.case,
    row.metric,
    String(row.ours),
    row.peer === undefined ? '' : String(row.peer),
    row.ratio === undefined ? '' : String(row.ratio),
    row.unit,
  ]);
  const all = [['bench', 'case', 'metric', 'ours', 'peer', 'ratio', 'unit'], ...cells];
  const widths = all[0]?.map((_, column) =>
    Math.max(...all.map((row) => row[column]?.length ?? 0)),
  );
  for (const row of all)
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths?.[column] ?? 0))
        .join('   ')
        .trimEnd(),
    );
}
