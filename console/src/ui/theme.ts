/** Light, dark, or as the system has it; remembered in this browser. */
import { useState } from "preact/hooks";

export const THEMES = [["system", "System theme"], ["light", "Light theme"], ["dark", "Dark theme"]] as const;
export type Theme = (typeof THEMES)[number][0];

const STORED = "headwater.theme";

export function useTheme(): [Theme, (theme: Theme) => void] {
  const [theme, setTheme] = useState<Theme>(() => apply((localStorage.getItem(STORED) as Theme | null) ?? "system"));
  return [theme, (chosen) => {
    localStorage.setItem(STORED, chosen);
    setTheme(apply(chosen));
  }];
}

function apply(theme: Theme): Theme {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  dispatchEvent(new Event("themechange"));
  return theme;
}

/** A colour of the style sheet as the page has it now: a canvas knows neither its name nor `light-dark()`. */
export function colourOf(name: string, place: HTMLElement): string {
  const before = place.style.color;
  place.style.color = `var(${name})`;
  const colour = getComputedStyle(place).color;
  place.style.color = before;
  return colour;
}
