import { render } from "preact";
import { openSession } from "./api/session";
import { App } from "./app";
import { Fault } from "./ui/parts";
import "./style.css";

const place = document.getElementById("console")!;

// Until the server has said who it is, the page shows its empty frame (index.html).
openSession().then(
  () => render(<App />, place),
  (error: Error) => render(<main class="alone"><Fault error={error} /></main>, place),
);
