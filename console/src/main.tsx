import { render } from "preact";
import { openSession } from "./api/session";
import { App, prepareAll, prepareView } from "./app";
import { Fault } from "./ui/parts";
import "./style.css";

const place = document.getElementById("console")!;
const AT_REST_MS = 1000;

prepareView(location.hash);
// Until the server has said who it is, the page shows its empty frame (index.html).
openSession().then(
  () => {
    render(<App />, place);
    setTimeout(prepareAll, AT_REST_MS);
  },
  (error: Error) => render(<main class="alone"><Fault error={error} /></main>, place),
);
