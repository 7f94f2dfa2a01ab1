// Sends requests from a page in every way that a page has, and lists whatever it learned from an answer.
// Given: the server's URL, paths to get, forms to post ([path, fields]), and the page's own redirect.

const [server, paths, forms, redirect] = given;
const learned = [];
const PATIENCE_MS = 3000;

function within(promise) {
  return Promise.race([promise, new Promise(resolve => setTimeout(resolve, PATIENCE_MS))]);
}

function element(tag, attributes) {
  const made = document.createElement(tag);
  const over = new Promise(resolve => {
    made.onload = () => resolve(true);
    made.onerror = () => resolve(false);
  });
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  document.body.append(made);
  return within(over);
}

function led(url, status) {
  return `${redirect}?status=${status}&to=${encodeURIComponent(url)}`;
}

async function embed(url, how) {
  if (await element("img", { src: url })) learned.push(`image ${how}${url}`);
  if (await element("script", { src: url })) learned.push(`script ${how}${url}`);
  if (await element("link", { rel: "stylesheet", href: url })) learned.push(`style ${how}${url}`);
  await Promise.race([element("link", { rel: "prefetch", href: url }), new Promise(r => setTimeout(r, 500))]);
  await element("iframe", { src: url });
}

async function ask(url, options, how) {
  const aborted = AbortSignal.timeout(PATIENCE_MS);
  try {
    const answer = await fetch(url, { signal: aborted, ...options });
    if (answer.type !== "opaque" && answer.type !== "opaqueredirect") {
      learned.push(`fetch ${how} ${url}: ${answer.status} ${await answer.text()}`);
    }
  } catch {
    // The browser has told the page nothing.
  }
}

async function askInEveryMode(url, how) {
  for (const mode of ["cors", "no-cors", "same-origin"]) {
    await ask(url, { mode }, `${mode} ${how}`);
    await ask(url, { mode, referrerPolicy: "no-referrer", credentials: "include" }, `${mode} silent ${how}`);
    for (const method of ["POST", "PUT", "DELETE"]) await ask(url, { mode, method, body: "{}" }, `${mode} ${method} ${how}`);
  }
  await ask(url, { method: "HEAD", mode: "no-cors" }, `HEAD ${how}`);
  await ask(url, { headers: { "X-Amz-Target": "DynamoDB_20120810.ListTables" }, method: "POST", body: "{}" }, `target ${how}`);
}

function listen(url) {
  const source = new EventSource(url);
  return within(new Promise(resolve => {
    source.onopen = () => resolve(learned.push(`events ${url}`));
    source.onmessage = () => resolve(learned.push(`event ${url}`));
    source.onerror = resolve;
  })).finally(() => source.close());
}

function connect(url) {
  const socket = new WebSocket(url.replace("http", "ws"));
  return within(new Promise(resolve => {
    socket.onopen = () => resolve(learned.push(`socket ${url}`));
    socket.onerror = resolve;
  }));
}

async function submit(url, method, enctype, fields) {
  const frame = document.createElement("iframe");
  frame.name = `frame${Math.random()}`;
  document.body.append(frame);
  await new Promise(resolve => setTimeout(resolve, 20));
  const form = document.createElement("form");
  Object.assign(form, { method, enctype, action: url, target: frame.name });
  for (const [name, value] of Object.entries(fields)) {
    const input = document.createElement("input");
    Object.assign(input, { name, value, type: "hidden" });
    form.append(input);
  }
  document.body.append(form);
  const over = new Promise(resolve => { frame.onload = resolve; });
  form.submit();
  await within(over);
}

for (const path of paths) {
  const url = server + path;
  await embed(url, "");
  await embed(led(url, 302), "by redirect ");
  await askInEveryMode(url, "");
  await ask(led(url, 302), { mode: "no-cors" }, "by redirect");
  await ask(led(url, 307), { mode: "no-cors", method: "POST", body: "{}" }, "by redirect");
  await ask(led(url, 307), { method: "POST", body: "{}" }, "by redirect");
  navigator.sendBeacon(url, "{}");
  await listen(url);
  await connect(url);
}
for (const [path, fields] of forms) {
  for (const enctype of ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"]) {
    await submit(server + path, "POST", enctype, fields);
    await submit(led(server + path, 307), "POST", enctype, fields);
  }
  await submit(server + path, "GET", "application/x-www-form-urlencoded", fields);
  const body = new URLSearchParams(fields);
  navigator.sendBeacon(server + path, body);
  await ask(server + path, { method: "POST", mode: "no-cors", body }, "form");
  await ask(server + path, { method: "POST", body }, "form");
}
if (window.leaked) learned.push(`script ran: ${window.leaked}`);
return learned;
