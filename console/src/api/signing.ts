/**
 * Signature V4 by the browser's own cryptography, for servers that demand credentials.
 *
 * The others want the form of a signature only, so that an account and a region are known.
 */

export interface Key {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

export interface Request {
  method: string;
  /** Path and query. */
  target: string;
  host: string;
  /** By their names in small letters; what is here is signed. */
  headers: Record<string, string>;
  body: string;
}

const ALGORITHM = "AWS4-HMAC-SHA256";
const text = new TextEncoder();

/** The headers of a request, `authorization` among them. */
export async function signed(
  request: Request, key: Key, region: string, service: string, now: Date = new Date(),
): Promise<Record<string, string>> {
  const stamp = timestamp(now);
  const headers: Record<string, string> = { ...request.headers, "x-amz-date": stamp };
  if (key.sessionToken) headers["x-amz-security-token"] = key.sessionToken;
  const covered: Record<string, string> = { ...headers, host: request.host };
  const names = Object.keys(covered).sort();
  const [path = "/", query = ""] = request.target.split(/\?(.*)/s);
  // The path is in the request as it is sent, encoded once; all services but S3 want it encoded once more.
  const canonical = [
    request.method, service === "s3" ? path : path.split("/").map(strict).join("/"), canonicalQuery(query),
    ...names.map((name) => `${name}:${covered[name]!.trim().replace(/ +/g, " ")}`), "",
    names.join(";"), await digest(request.body),
  ].join("\n");
  const scope = [stamp.slice(0, 8), region, service, "aws4_request"];
  const toSign = [ALGORITHM, stamp, scope.join("/"), await digest(canonical)].join("\n");
  let secret: BufferSource = text.encode(`AWS4${key.secretAccessKey}`);
  for (const part of [...scope, toSign]) secret = await hmac(secret, part);
  const credential = `${key.accessKeyId}/${scope.join("/")}`;
  headers.authorization =
    `${ALGORITHM} Credential=${credential}, SignedHeaders=${names.join(";")}, Signature=${hex(secret)}`;
  return headers;
}

/** The headers of a request to a server that looks at no signature. */
export function signedInForm(
  request: Request, account: string, region: string, service: string, now: Date = new Date(),
): Record<string, string> {
  const stamp = timestamp(now);
  const credential = `${account}/${stamp.slice(0, 8)}/${region}/${service}/aws4_request`;
  return {
    ...request.headers,
    "x-amz-date": stamp,
    authorization: `${ALGORITHM} Credential=${credential}, SignedHeaders=host, Signature=console`,
  };
}

export function timestamp(now: Date): string {
  return now.toISOString().replace(/[-:]|\.\d+/g, "");
}

function canonicalQuery(query: string): string {
  const pairs = [...new URLSearchParams(query)].map(([name, value]) => `${strict(name)}=${strict(value)}`);
  return pairs.sort().join("&");
}

/** A part of a path or a query, with all encoded that may be. */
export function strict(part: string): string {
  return encodeURIComponent(part).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}

async function digest(message: string): Promise<string> {
  return hex(await crypto.subtle.digest("SHA-256", text.encode(message)));
}

async function hmac(secret: BufferSource, message: string): Promise<ArrayBuffer> {
  const key = await crypto.subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return crypto.subtle.sign("HMAC", key, text.encode(message));
}

function hex(data: BufferSource): string {
  return Array.from(new Uint8Array(data as ArrayBuffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
