/** What the server says, asked again and again while the page is looked at. */
import { useCallback, useLayoutEffect, useRef, useState } from "preact/hooks";

export interface Polled<T> {
  value: T | undefined;
  error: Error | undefined;
  /** Ask now. */
  refresh: () => void;
}

/** Ask every `everyMs`, and anew when `about` changes; 0 asks once. */
export function usePolled<T>(ask: () => Promise<T>, everyMs: number, about: string): Polled<T> {
  const [value, setValue] = useState<T>();
  const [error, setError] = useState<Error>();
  const latest = useRef(ask);
  latest.current = ask;
  const turn = useRef(0);
  const refresh = useCallback(async () => {
    const mine = ++turn.current;
    try {
      const answer = await latest.current();
      if (mine !== turn.current) return;
      setValue(() => answer);
      setError(undefined);
    } catch (failure) {
      if (mine === turn.current) setError(failure as Error);
    }
  }, []);
  // The answer is on its way while the page is painted.
  useLayoutEffect(() => {
    setValue(undefined);
    setError(undefined);
    void refresh();
    if (!everyMs) return;
    const timer = setInterval(() => document.hidden || void refresh(), everyMs);
    return () => {
      clearInterval(timer);
      turn.current += 1;
    };
  }, [about, everyMs, refresh]);
  return { value, error, refresh };
}
