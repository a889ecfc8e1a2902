// The formats of a check's report, by the name that the user gives. A new one is a file and a line here.

import { renderCheckCsv } from "./csv.ts";
import { renderCheckJson } from "./json.ts";
import { renderCheckJunit } from "./junit.ts";
import { renderCheckMarkdown } from "./markdown.ts";
import type { CheckReport } from "./report.ts";
import { renderCheckSarif } from "./sarif.ts";
import { renderCheckTerminal } from "./terminal.ts";

export interface CheckFormat {
  /** Of a file that is named for the user, without a dot. */
  readonly extension: string;
  /** The whole report, ended by a newline. */
  readonly render: (report: CheckReport) => string;
}

export const checkFormats: Readonly<Record<string, CheckFormat>> = {
  terminal: { extension: "txt", render: renderCheckTerminal },
  markdown: { extension: "md", render: renderCheckMarkdown },
  json: { extension: "json", render: renderCheckJson },
  csv: { extension: "csv", render: renderCheckCsv },
  sarif: { extension: "sarif", render: renderCheckSarif },
  junit: { extension: "xml", render: renderCheckJunit },
};
