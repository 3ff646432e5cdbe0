// All views, and where the navigation leads, in its order.

import * as overview from "./overview.js";

/** Each has `title`, `route` and `render`; `section` is the route of the link that it belongs to, if not its own. */
export const views = [overview];

export const navigation = [{ view: overview, label: "Overview" }];
