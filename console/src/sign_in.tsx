/** Where credentials are demanded: one signs in with a key of the server, for as long as the tab is open. */
import { useState } from "preact/hooks";
import { placed, route } from "./api/server";
import { signIn, signOut } from "./api/session";
import { Button, Fault, Field, Text, useAction } from "./ui/parts";

export function SignIn({ onDone }: { onDone: () => void }) {
  const [id, setId] = useState("");
  const [secret, setSecret] = useState("");
  const [token, setToken] = useState("");
  const [run, error, isBusy] = useAction();
  if (!isSecureContext) {
    return (
      <main class="alone">
        <h1>Headwater</h1>
        <p>
          This server demands signatures, and a browser signs on <code>https://</code> and on this machine's own
          address only. Open the console by one of these.
        </p>
      </main>
    );
  }
  const enter = async () => {
    signIn({ accessKeyId: id.trim(), secretAccessKey: secret.trim(), ...(token.trim() ? { sessionToken: token.trim() } : {}) });
    try {
      await route("GET", placed("streams"));
    } catch (failure) {
      signOut();
      throw failure;
    }
    onDone();
  };
  return (
    <main class="alone">
      <form onSubmit={(event) => { event.preventDefault(); run(enter); }}>
        <h1>Headwater</h1>
        <p>This server verifies signatures. Sign in with one of its access keys; it stays in this tab.</p>
        <Field label="Access key id"><Text value={id} onInput={setId} required /></Field>
        <Field label="Secret access key"><Text type="password" value={secret} onInput={setSecret} required /></Field>
        <Field label="Session token, if it has one"><Text type="password" value={token} onInput={setToken} /></Field>
        <Fault error={error} />
        <Button type="submit" kind="primary" disabled={isBusy}>Sign in</Button>
      </form>
    </main>
  );
}
