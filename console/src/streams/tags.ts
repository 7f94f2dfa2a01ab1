/** Tags as text: `name=value`, one on each line. */

export function parseTags(text: string): Record<string, string> {
  const lines = text.split("\n").map((line) => line.trim()).filter(Boolean);
  return Object.fromEntries(lines.map((line) => {
    const [name = "", value = ""] = line.split(/=(.*)/s);
    return [name.trim(), value.trim()];
  }));
}

export function tagsText(tags: Record<string, string>): string {
  return Object.entries(tags).map(([name, value]) => `${name}=${value}`).join("\n");
}
