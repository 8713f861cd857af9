// Comma-separated values as spreadsheets write them (RFC 4180): quotes around a cell, doubled quotes in it, either line end.

export interface CsvRow {
  /** Where it begins, from 1. */
  line: number;
  cells: string[];
}

/** Rows that are not empty. Null: a quote is never closed. */
export function csvRows(text: string): CsvRow[] | null {
  const rows: CsvRow[] = [];
  let row: CsvRow = { line: 1, cells: [] };
  let line = 1;
  // One cell at a time, with what ends it.
  const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/y;
  for (;;) {
    const match = cell.exec(text);
    if (!match) return null;
    const [, quoted, plain = '', end = ''] = match;
    row.cells.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    line += match[0].split('\n').length - 1;
    if (end !== ',') {
      if (row.cells.length > 1 || row.cells[0] !== '') rows.push(row);
      row = { line, cells: [] };
    }
    if (end === '') return rows;
  }
}
