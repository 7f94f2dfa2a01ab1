/** A table of few rows: all of them are made, and it is sorted by its heads. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

export interface Column<T> {
  name: string;
  /** As CSS has it for a column of a grid. */
  width: string;
  cell: (row: T) => ComponentChildren;
  numeric?: boolean;
  /** What the column is sorted by, where it can be. */
  order?: (row: T) => number | string;
  /** Left out where there is little room. */
  minor?: boolean;
}

export function Table<T>(props: {
  label: string;
  rows: T[];
  columns: Column<T>[];
  keyOf: (row: T) => string;
  empty: ComponentChildren;
}) {
  const [sorted, setSorted] = useState<{ name: string; sign: 1 | -1 }>();
  const order = props.columns.find((column) => column.name === sorted?.name)?.order;
  const rows = order && sorted ? [...props.rows].sort((a, b) => sorted.sign * compared(order(a), order(b))) : props.rows;
  const turn = (name: string) =>
    setSorted((was) => ({ name, sign: was?.name === name && was.sign === 1 ? -1 : 1 }));
  return (
    <div class="table-scroll" tabIndex={0} role="region" aria-label={props.label}>
      <table>
        <thead>
          <tr>
            {props.columns.map((column) => (
              <th
                key={column.name}
                class={classOf(column)}
                scope="col"
                aria-sort={sorted?.name === column.name ? (sorted.sign === 1 ? "ascending" : "descending") : undefined}
              >
                {column.order ? (
                  <button type="button" class="sort" onClick={() => turn(column.name)}>{column.name}</button>
                ) : column.name || <span class="hidden">Actions</span>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={props.keyOf(row)}>
              {props.columns.map((column) => <td key={column.name} class={classOf(column)}>{column.cell(row)}</td>)}
            </tr>
          ))}
          {!rows.length && <tr><td class="empty" colSpan={props.columns.length}>{props.empty}</td></tr>}
        </tbody>
      </table>
    </div>
  );
}

export function classOf<T>(column: Column<T>): string {
  return `${column.numeric ? "numeric" : ""} ${column.minor ? "minor" : ""}`;
}

function compared(a: number | string, b: number | string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
