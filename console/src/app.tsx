/** The frame: where one is, as whom, and the keys. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { choosePlace, session, signOut } from "./api/session";
import { hashOf, navigate, parseHash, useRoute } from "./router";
import { SignIn } from "./sign_in";
import { StreamsPage } from "./streams/streams_page";
import { Keys, useKeys } from "./ui/keys";
import { lazily } from "./ui/lazy";
import { Badge, Button, Choice, useShownName } from "./ui/parts";
import { THEMES, useTheme } from "./ui/theme";

const StreamPage = lazily(async () => (await import("./streams/stream_page")).StreamPage);
const DeliveriesPage = lazily(async () => (await import("./deliveries/deliveries_page")).DeliveriesPage);
const FunctionsPage = lazily(async () => (await import("./readers/functions_page")).FunctionsPage);
const LeasesPage = lazily(async () => (await import("./readers/leases_page")).LeasesPage);
const RequestsPage = lazily(async () => (await import("./requests/requests_page")).RequestsPage);
const TestsPage = lazily(async () => (await import("./tests/tests_page")).TestsPage);

/** The views that stand by themselves; another is a line here. */
const VIEWS: Record<string, { name: string; view: () => ComponentChildren }> = {
  streams: { name: "Streams", view: () => <StreamsPage /> },
  functions: { name: "Functions", view: () => <FunctionsPage /> },
  deliveries: { name: "Deliveries", view: () => <DeliveriesPage /> },
  leases: { name: "Leases", view: () => <LeasesPage /> },
  requests: { name: "Requests", view: () => <RequestsPage /> },
  tests: { name: "Tests", view: () => <TestsPage /> },
};

const LATER: Record<string, { prepare: () => Promise<unknown> }> = {
  stream: StreamPage, deliveries: DeliveriesPage, functions: FunctionsPage, leases: LeasesPage, requests: RequestsPage, tests: TestsPage,
};

/** Fetch the code of the view that an address names, if it is not here. */
export function prepareView(hash: string): void {
  const [first = "streams", name] = parseHash(hash).path;
  LATER[first === "streams" && name ? "stream" : first]?.prepare().catch(() => undefined); // the view says so
}

/** Fetch the code of all views, so that none has to wait for it. */
export function prepareAll(): void {
  for (const view of Object.values(LATER)) view.prepare().catch(() => undefined);
}

export function App() {
  const [, redraw] = useState(0);
  if (session().about.must_sign && !session().key) return <SignIn onDone={() => redraw((turn) => turn + 1)} />;
  return <Frame onChange={() => redraw((turn) => turn + 1)} />;
}

function Frame({ onChange }: { onChange: () => void }) {
  const { path } = useRoute();
  const [first = "streams", name] = path;
  const [isHelping, setHelping] = useState(false);
  useKeys(() => setHelping(true));
  useEffect(() => {
    document.title = `${name ?? VIEWS[first]?.name ?? "Headwater"} - Headwater`;
  }, [first, name]);
  useShownName(first);
  const { about, account, region, key } = session();
  return (
    <>
      <a class="skip" href="#view" onClick={skip}>Skip to the view</a>
      <div class="frame">
        <nav aria-label="Console">
          <a class="brand" href={hashOf(["streams"])}><Logo />Headwater</a>
          {Object.entries(VIEWS).map(([place, view]) => (
            <a key={place} href={hashOf([place])} aria-current={first === place ? "page" : undefined}>{view.name}</a>
          ))}
          <div class="foot">
            {about.is_read_only && <Badge>read-only</Badge>}
            {about.is_gateway && <small class="dim">One gateway of several. Rates, charts, counts, requests, logs of functions, faults and limits are its own.</small>}
            <PlaceChoice onChange={onChange} />
            <ThemeChoice />
            <span class="row">
              <Button kind="quiet" onClick={() => setHelping(true)} title="Keys">?</Button>
              {key && <Button kind="quiet" onClick={() => { signOut(); onChange(); }}>Sign out</Button>}
              <small class="dim">{about.version}</small>
            </span>
          </div>
        </nav>
        <main id="view" tabIndex={-1} key={`${account}/${region}`}>
          {first === "streams" && name ? <StreamPage key={name} name={name} /> : view(first)}
        </main>
      </div>
      {isHelping && <Keys onClose={() => setHelping(false)} />}
    </>
  );
}

function view(place: string): ComponentChildren {
  return VIEWS[place]?.view() ?? <p class="empty">There is no such view. <a href={hashOf(["streams"])}>Streams</a></p>;
}

function skip(event: Event): void {
  event.preventDefault();
  document.getElementById("view")?.focus();
}

function PlaceChoice({ onChange }: { onChange: () => void }) {
  const { about, account, region } = session();
  const places = [...about.places, [about.account, about.region] as const, [account, region] as const];
  const named = [...new Set(places.map((place) => place.join(" ")))].sort();
  if (named.length < 2) return <small class="dim tabular">{account}<br />{region}</small>;
  const choose = (place: string) => {
    const [chosenAccount = account, chosenRegion = region] = place.split(" ");
    choosePlace(chosenAccount, chosenRegion);
    navigate(hashOf(["streams"]));
    onChange();
  };
  return (
    <Choice
      label="Account and region" value={`${account} ${region}`} onChange={choose}
      options={named.map((place) => [place, place] as const)}
    />
  );
}

function ThemeChoice() {
  const [theme, setTheme] = useTheme();
  return <Choice label="Light or dark" value={theme} options={THEMES} onChange={setTheme} />;
}

function Logo() {
  return (
    <svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true">
      <path d="M2 7c3.3-3.4 6.7 3.4 10 0s6.7 3.4 10 0M2 12.500c3.300-3.400 6.700 3.400 10 0s6.700 3.400 10 0M2 18c3.300-3.400 6.700 3.400 10 0s6.700 3.400 10 0" />
    </svg>
  );
}
