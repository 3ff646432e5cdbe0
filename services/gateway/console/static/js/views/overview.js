// All at a glance: what runs, what fires, how it keeps up.

import { heading } from "../ui.js";

export const title = "Overview";
export const route = "/";

export function render(root) {
  root.append(heading("Overview"));
}
