/**
 * Views whose code comes when they are wanted: the first paint waits for none of it.
 *
 * What has been prepared is there at once.
 */
import { h, type ComponentChildren } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";
import { Fault } from "./parts";

type View<P> = (props: P) => ComponentChildren;

/** `load` imports the view. */
export function lazily<P extends object>(load: () => Promise<View<P>>): View<P> & { prepare: () => Promise<unknown> } {
  let loaded: View<P> | undefined;
  let coming: Promise<unknown> | undefined;
  const prepare = () => (coming ??= load().then((view) => { loaded = view; }, (error: Error) => {
    coming = undefined;
    throw error;
  }));
  const Lazy = (props: P) => {
    const [error, setError] = useState<Error>();
    const [, redraw] = useState(false);
    useLayoutEffect(() => {
      // A server that has been replaced has other files.
      if (!loaded) prepare().then(() => redraw(true), () => setError(new Error("This view cannot be loaded. Load the page again.")));
    }, []);
    return loaded ? h(loaded as never, props) : <Fault error={error} />;
  };
  return Object.assign(Lazy, { prepare });
}
