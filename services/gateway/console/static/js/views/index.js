// All views, and where the navigation leads, in its order.

import * as newTask from "./new_task.js";
import * as overview from "./overview.js";
import * as task from "./task.js";

/** Each has `title`, `route` and `render`; `section` is the route of the link that it belongs to, if not its own. */
export const views = [overview, newTask, task];

export const navigation = [{ view: overview, label: "Overview" }];
