// All views, and where the navigation leads, in its order.

import * as alert from "./alert.js";
import * as alerts from "./alerts.js";
import * as config from "./config.js";
import * as handlers from "./handlers.js";
import * as jobs from "./jobs.js";
import * as log from "./log.js";
import * as newTask from "./new_task.js";
import * as overview from "./overview.js";
import * as silences from "./silences.js";
import * as task from "./task.js";
import * as template from "./template.js";
import * as templates from "./templates.js";
import * as users from "./users.js";

/** Each has `title`, `route` and `render`; `section` is the route of the link that it belongs to, if not its own. */
export const views = [overview, newTask, task, templates, template, template.making, alerts, alert, silences, handlers, jobs, config, users, log];

export const navigation = [
  { view: overview, label: "Overview" },
  { view: alerts, label: "Alerts" },
  { view: silences, label: "Silences" },
  { view: handlers, label: "Handlers" },
  { view: templates, label: "Templates" },
  { view: jobs, label: "Recordings" },
  { view: log, label: "Log" },
  { view: config, label: "Configuration" },
  { view: users, label: "Users" },
];
