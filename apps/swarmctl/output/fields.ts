import { oneLine } from './table.js';

/** A name and its value; rows without a value are left out. */
export type Field = readonly [name: string, value: string];

/** `Name:   value` lines with the values aligned. */
export function fields(rows: readonly Field[]): string {
  const shown = rows.filter(([, value]) => value !== '');
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return shown
    .map(([name, value]) => `${`${name}:`.padEnd(width + 1)}  ${oneLine(value)}`)
    .join('\n');
}

/** `a=1, b=2`. */
export const labelText = (labels: Readonly<Record<string, string>> | undefined): string =>
  Object.entries(labels ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .join(', ');
