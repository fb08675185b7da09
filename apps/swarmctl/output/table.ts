/** Aligned columns, three spaces apart, as Docker's tables: no borders, no trailing blanks. */
export function table(headers: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [headers, ...rows.map((row) => headers.map((_, column) => cell(row[column])))];
  const widths = headers.map(() => 0);
  // A loop, not Math.max(...rows): there may be more rows than a call may have arguments.
  for (const line of lines)
    line.forEach((text, column) => {
      widths[column] = Math.max(widths[column] ?? 0, width(text));
    });
  return lines
    .map((line) =>
      line
        .map((text, column) => text + ' '.repeat((widths[column] ?? 0) - width(text)))
        .join('   ')
        .trimEnd(),
    )
    .join('\n');
}

const cell = (text: string | undefined): string => oneLine(text ?? '');

/** What a container or a peer said, on one line and without codes that would steer the terminal. */
export const oneLine = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
  text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').trim();

/** Columns on a terminal; good enough for names, which are ASCII, and for reasons, which mostly are. */
const width = (text: string): number => [...text].length;
