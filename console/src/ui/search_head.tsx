/** The head of a page with a search, which is part of its address. */
import type { ComponentChildren } from "preact";
import { setQuery, useRoute } from "../router";
import { Text } from "./parts";

export function SearchHead(props: {
  title: ComponentChildren;
  /** What is searched, in words. */
  label: string;
  placeholder?: string;
  /** What stands behind the search. */
  children?: ComponentChildren;
}) {
  return (
    <header class="page-head">
      <h1>{props.title}</h1>
      <Text
        class="search" type="search" label={props.label} placeholder={`${props.placeholder ?? props.label}  /`}
        value={useSearch()} onInput={(search) => setQuery({ search })}
      />
      {props.children}
    </header>
  );
}

/** What is searched. */
export function useSearch(): string {
  return useRoute().query.get("search") ?? "";
}

/** Whether a text has what is searched, in capitals or not. */
export function has(text: string, search: string): boolean {
  return text.toLowerCase().includes(search.toLowerCase());
}
