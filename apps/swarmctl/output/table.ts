/** Aligned columns, three spaces apart, as Docker's tables: no borders, no trailing blanks. */
export function table(headers: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = headers.map((header, column) =>
    Math.max(width(header), ...rows.map((row) => width(row[column] ?? ''))),
  );
  const line = (cells: readonly string[]): string =>
    headers
      .map((_, column) => {
        const cell = cells[column] ?? '';
        return cell + ' '.repeat((widths[column] as number) - width(cell));
      })
      .join('   ')
      .trimEnd();
  return [headers, ...rows].map(line).join('\n');
}

/** Columns on a terminal; good enough for names, which are ASCII, and for reasons, which mostly are. */
const width = (text: string): number => [...text].length;
