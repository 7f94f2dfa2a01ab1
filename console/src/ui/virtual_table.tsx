/**
 * A table of which only the rows in sight are made, so that a hundred thousand cost what thirty do.
 *
 * Arrow keys, Page Up and Down, Home and End move; Enter opens the row. A screen reader hears how
 * many rows there are and which one it is at.
 */
import {
  Virtualizer, elementScroll, observeElementOffset, observeElementRect,
} from "@tanstack/virtual-core";
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { classOf, type Column } from "./table";

const ROW_PX = 30;

export function VirtualTable<T>(props: {
  label: string;
  count: number;
  row: (index: number) => T;
  keyOf: (row: T) => string;
  columns: Column<T>[];
  selected?: string | undefined;
  onOpen?: (row: T, index: number) => void;
  empty: ComponentChildren;
  rowClass?: (row: T) => string;
  onScroll?: (top: number) => void;
}) {
  const scroller = useRef<HTMLDivElement>(null);
  const [, redraw] = useState(0);
  const [active, setActive] = useState(-1);
  const options = {
    count: props.count,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: 12,
    scrollToFn: elementScroll,
    observeElementRect,
    observeElementOffset,
    onChange: () => redraw((turn) => turn + 1),
  };
  const held = useRef<Virtualizer<HTMLDivElement, HTMLElement> | undefined>(undefined);
  const virtualizer = (held.current ??= new Virtualizer<HTMLDivElement, HTMLElement>(options));
  virtualizer.setOptions({ ...virtualizer.options, ...options });
  useEffect(() => virtualizer._didMount(), [virtualizer]);
  useLayoutEffect(() => virtualizer._willUpdate());

  const move = (to: number) => {
    const index = Math.max(0, Math.min(props.count - 1, to));
    setActive(index);
    virtualizer.scrollToIndex(index);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? ROW_PX) / ROW_PX) - 1);
    const steps: Record<string, number> = {
      ArrowDown: active + 1, ArrowUp: active - 1, j: active + 1, k: active - 1,
      PageDown: active + page, PageUp: active - page, Home: 0, End: props.count - 1,
    };
    const to = steps[event.key];
    if (to !== undefined && props.count && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      move(to);
      if (props.selected !== undefined) open(Math.max(0, Math.min(props.count - 1, to)));
    } else if (event.key === "Enter" && active >= 0 && event.target === event.currentTarget) {
      open(active);
    }
  };
  const open = (index: number) => index < props.count && props.onOpen?.(props.row(index), index);
  const widths = (columns: Column<T>[]) => columns.map((column) => column.width).join(" ");
  const grid = { "--columns": widths(props.columns), "--major-columns": widths(props.columns.filter((column) => !column.minor)) };
  return (
    <div
      class="grid-table"
      style={grid}
      role="grid"
      aria-label={props.label}
      aria-rowcount={props.count + 1}
      aria-colcount={props.columns.length}
      aria-activedescendant={active >= 0 && active < props.count ? rowId(props.label, active) : undefined}
      tabIndex={0}
      ref={scroller}
      onKeyDown={onKeyDown}
      onScroll={(event) => props.onScroll?.(event.currentTarget.scrollTop)}
    >
      <div class="grid-row head" role="row" aria-rowindex={1}>
        {props.columns.map((column) => (
          <span key={column.name} role="columnheader" class={classOf(column)}>{column.name}</span>
        ))}
      </div>
      {props.count === 0 && (
        <div role="row" aria-rowindex={2}><div role="gridcell" class="empty">{props.empty}</div></div>
      )}
      <div class="grid-body" role="rowgroup" style={{ height: `${virtualizer.getTotalSize()}px` }}>
        {virtualizer.getVirtualItems().map((item) => {
          if (item.index >= props.count) return null;
          const row = props.row(item.index);
          const key = props.keyOf(row);
          const marks = [
            props.rowClass?.(row) ?? "", key === props.selected ? "selected" : "", item.index === active ? "active" : "",
          ];
          return (
            <div
              key={item.index}
              id={rowId(props.label, item.index)}
              class={`grid-row ${marks.join(" ")}`}
              role="row"
              aria-rowindex={item.index + 2}
              aria-selected={key === props.selected}
              style={{ transform: `translateY(${item.start}px)` }}
              onClick={() => {
                setActive(item.index);
                open(item.index);
              }}
            >
              {props.columns.map((column) => (
                <span key={column.name} role="gridcell" class={classOf(column)}>{column.cell(row)}</span>
              ))}
            </div>
          );
        })}
      </div>
    </div>
  );
}

function rowId(label: string, index: number): string {
  return `${label.replace(/\W+/g, "-")}-${index}`;
}
