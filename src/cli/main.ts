// The command line: what there is to say, and which exit code an error becomes.

import { readFileSync } from "node:fs";
import path from "node:path";
import { Command, CommanderError } from "commander";
import { suites } from "../../bench/index.ts";
import { InputError } from "../errors.ts";
import { packageRoot } from "../package-root.ts";
import { gateRounds } from "../plan/gate.ts";
import { checkFormats } from "../report/check/formats.ts";
import { compareFormats } from "../report/compare/formats.ts";
import {
  defaultBaseline,
  listBaselines,
  type PruneOptions,
  pruneBaselines,
  type SaveOptions,
  saveBaseline,
  showBaseline,
} from "./baseline.ts";
import { type CalibrateOptions, calibrate } from "./calibrate.ts";
import { checkCommand } from "./check.ts";
import { type CheckOptions, defaults, schedulerNames } from "./check-options.ts";
import { type CompareOptions, compareCommand } from "./compare.ts";
import { doctor } from "./doctor.ts";
import { doctorStudy, type StudyOptions } from "./doctor-study.ts";
import { type FidelityOptions, fidelity } from "./fidelity.ts";
import { type AddOptions, addHistory, type ShowOptions, showHistory } from "./history.ts";
import type { Io } from "./io.ts";
import { list } from "./list.ts";
import type { RunOptions } from "./options.ts";
import { type ReplayOptions, replayCommand } from "./replay.ts";
import { type ReportOptions, reportCommand } from "./report.ts";
import { runCommand } from "./run.ts";
import { save } from "./save.ts";

const exitCodes = `
Exit codes: 0 done; 1 regression; 2 wrong use or bad input; 3 this machine cannot answer, or nothing to see in a replay;
4 correctness violation; 5 the harness itself failed; 130 stopped by the user; a run can be resumed.`;

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

/** The command line as it is recorded: without the program's own path. */
function commandText(argv: readonly string[]): string {
  const quote = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
  return ["reclaim-bench", ...argv.map(quote)].join(" ");
}

function version(): string {
  return (JSON.parse(readFileSync(path.join(packageRoot, "package.json"), "utf8")) as { version: string }).version;
}

function buildProgram(argv: readonly string[], io: Io, signal: AbortSignal, exit: (code: number) => void): Command {
  const program = new Command("reclaim-bench")
    .description("Compares data structures and locking schemes for kernel memory reclaim before they are written in C.")
    .version(version())
    .addHelpText("after", exitCodes)
    .exitOverride()
    .configureHelp({
      // Only defaults that say something.
      optionDescription: ({ description, defaultValue }) =>
        typeof defaultValue === "string" ? `${description} (default: ${defaultValue})` : description,
    })
    .configureOutput({ writeOut: (text) => io.write(text), writeErr: (text) => io.warn(text) });

  program
    .command("list")
    .description("show problems, variants, workloads and their parameters")
    .option("--json", "as JSON", false)
    .action((options: { json: boolean }) => exit(list(options, io)));

  program
    .command("run")
    .description("measure variants under workloads, record every sample and report")
    .argument("[problems...]", `${suites.map(({ problem }) => problem).join(", ")}; all when none is named`)
    .option("--instrument <names>", "native, traced, simulator; repeatable, all when none is named", collect, [])
    .option("--variant <id>", "variant with its parameters, as 'list' shows them; repeatable", collect, [])
    .option("--variant-file <file>", "a variant of your own; repeatable", collect, [])
    .option("--workload <name>", "workload; repeatable", collect, [])
    .option("--workload-file <file>", "run a workload that 'save' wrote")
    .option("--slabinfo <file>", "slabinfo 2.1 file, such as a copy of /proc/slabinfo")
    .option("--set <key=value>", "parameter of a workload, bytes also as 64MiB; repeatable", collect, [])
    .option("--cpus <counts>", "CPUs of the native stages, a thread each, and virtual ones, such as 1,8,96 or 1..96")
    .option("--machine <names>", "machines to simulate: names that 'list' shows, or files; repeatable", collect, [])
    .option("--sweep <key=values>", "simulate with several values of a workload's parameter; repeatable", collect, [])
    .option("--virtual-ms <number>", "virtual time for which repeatable workloads are simulated")
    .option("--hz <number>", "jiffies per second (CONFIG_HZ): 100, 250, 300 or 1000")
    .option("--sensitivity", "simulate with each cost of the machine halved and doubled, too", false)
    .option("--refine", "bisect between simulated CPU counts where two variants change places", false)
    .option("--workers <count>", "threads that check and simulate; as many as there are CPUs unless given")
    .option("--no-check", "leave out the short check of interleavings before the measurements")
    .option("--seed <number>", "seed of the workloads, from 0 to 4294967295", "1")
    .option("--quick", "small sizes, about two minutes for all problems", false)
    .option("--full", "the sizes that were reported, hours", false)
    .option("--out <folder>", "folder for results/ and reports/", ".")
    .option("--json", "print the answers as JSON", false)
    .option("--resume [run]", "go on with a run that was stopped; the newest when none is named")
    .action(async (problems: string[], options: RunOptions) =>
      exit(await runCommand(problems, options, commandText(argv), io, signal)),
    );

  program
    .command("check")
    .description("explore the interleavings of variants in small scenarios, until all are or a bound is reached")
    .argument("[names...]", "problems, or variants with their parameters; all when none is named")
    .option("--problem <name>", "problem; repeatable", collect, [])
    .option("--variant-file <file>", "a variant of your own, to be checked alone; repeatable", collect, [])
    .option("--scenario <name>", "scenario, as --list shows them; repeatable", collect, [])
    .option("--memory-model <names>", "sc, tso (x86); repeatable, as the scenario says when none is named", collect, [])
    .option("--scheduler <name>", schedulerNames.join(", "), defaults.scheduler)
    .option("--preemptions <number>", "most preemptions of 'bounded', change points of 'pct'")
    .option("--executions <number>", "executions of 'pct' and 'random'")
    .option("--seed <number>", "seed of 'pct' and 'random', from 0 to 4294967295")
    .option("--no-reduction", "take every operation for one that others notice; with 'exhaustive'")
    .option(
      "--states-max <number>",
      "most states of a case, times the effort that its scenario is worth",
      defaults.statesMax,
    )
    .option("--steps-max <number>", "most steps of an execution; more are a livelock", defaults.stepsMax)
    .option("--seconds-max <number>", "most time of a case", defaults.secondsMax)
    .option("--seconds-total <number>", "most time of all cases, shared out as they begin", defaults.secondsTotal)
    .option("--workers <count>", "threads that check; as many as there are CPUs unless given")
    .option("--format <names>", `${Object.keys(checkFormats).join(", ")}; repeatable with --out`, collect, [])
    .option("--out <place>", "file, or folder for a file of each format")
    .option("--list", "show the cases and check nothing", false)
    .action(async (names: string[], options: CheckOptions) =>
      exit(await checkCommand(names, options, { command: commandText(argv), version: version() }, io, signal)),
    );

  program
    .command("replay")
    .description("perform the schedule of a token, as 'check' prints it, and draw what happens")
    .argument("<token>", "the token")
    .option("--variant-file <file>", "the variant, where it is one of your own")
    .option("--all", "draw every operation, also those that no other task notices", false)
    .option("--step", "wait for Enter before each row", false)
    .action(async (token: string, options: ReplayOptions) => exit(await replayCommand(token, options, io, signal)));

  program
    .command("report")
    .description("make the report of a run or a comparison again from its records")
    .argument("<folder>", "its folder in results/")
    .option("--out <folder>", "folder for the report", "reports")
    .option("--json", "print the answers as JSON", false)
    .option("--format <name[=file]>", "of a comparison, as 'compare' has it; repeatable", collect, [])
    .action(async (folder: string, options: ReportOptions) => exit(await reportCommand(folder, options, io)));

  program
    .command("compare")
    .description("hold what is there now, or a run, against a base: exit code 1 when something got worse")
    .argument("[run]", "the candidate: a run's folder or id; measured now when none is named")
    .option("--base <base>", `a baseline, a run, or a git revision (default: ${defaultBaseline})`)
    .option("--exact-only", "leave out what is timed", false)
    .option("--native-only", "leave out the exact metrics", false)
    .option("--problem <name>", "problem; repeatable, all when none is named", collect, [])
    .option("--variant <id>", "variant with its parameters; repeatable, all when none is named", collect, [])
    .option("--reference <variant>", "time variants of one problem beside this one instead of a base")
    .option("--workload <name>", "with --reference: workload; repeatable, all that the gate has", collect, [])
    .option("--set <key=value>", "with --reference: parameter of the workloads; repeatable", collect, [])
    .option("--cpus <count>", "with --reference: CPUs, a thread each")
    .option("--min-effect <share>", "smallest difference that counts, such as 0.05 or 5%")
    .option("--alpha <share>", "false alarms allowed, as a share of comparisons")
    .option("--processes <number>", "processes of each timed row; what the number of rows needs unless given")
    .option("--rounds <number>", `rounds of each process, ${gateRounds} at most`)
    .option("--all", "time what has the same code on both sides, too", false)
    .option("--workers <count>", "threads that check and simulate; as many as there are CPUs unless given")
    .option("--seed <number>", "seed of the order in which sides take turns, from 0 to 4294967295", "1")
    .option("--format <name[=file]>", `${Object.keys(compareFormats).join(", ")}; repeatable`, collect, [])
    .option("--out <folder>", "folder of results/ and reports/", ".")
    .option("--exit-zero", "end with 0 whatever was found", false)
    .action(async (run: string | undefined, options: CompareOptions) =>
      exit(await compareCommand(run, options, commandText(argv), io, signal)),
    );

  const baseline = program.command("baseline").description("save, show and remove what comparisons are held against");
  const out = ["--out <folder>", "folder of results/", "."] as const;
  baseline
    .command("save")
    .description("save a complete run with the code that it measured")
    .argument("[run]", "its folder or id; the newest complete one when none is named")
    .option("--name <name>", "name of the baseline", defaultBaseline)
    .option("--force", "replace one of that name", false)
    .option(...out)
    .action(async (run: string | undefined, options: SaveOptions) => exit(await saveBaseline(run, options, io)));
  baseline
    .command("list")
    .description("list the baselines")
    .option(...out)
    .action(async (options: { out: string }) => exit(await listBaselines(options, io)));
  baseline
    .command("show")
    .description("check a baseline and show what is in it")
    .argument("[name]", "its name", defaultBaseline)
    .option(...out)
    .action(async (name: string, options: { out: string }) => exit(await showBaseline(name, options, io)));
  baseline
    .command("prune")
    .description("remove baselines, and modules that none of them names")
    .option("--name <name>", "baseline to remove; repeatable", collect, [])
    .option("--keep <number>", `remove all but so many of the newest, and '${defaultBaseline}'`)
    .option(...out)
    .action(async (options: PruneOptions) => exit(await pruneBaselines(options, io)));

  const history = program
    .command("history")
    .description("keep headline numbers of runs, and tell between which revisions they changed");
  history
    .command("add")
    .description("add a complete run's exact numbers, and its ratios to reference variants")
    .argument("[run]", "its folder or id; the newest complete one when none is named")
    .option("--commit <revision>", "what it measured, where the run does not know or had changes on top")
    .option(...out)
    .action(async (run: string | undefined, options: AddOptions) => exit(await addHistory(run, options, io)));
  history
    .command("show")
    .description("tell what changed, and report it with charts")
    .option("--series <pattern>", "names of series, such as 'cil/*/virtual-*'; all unless given")
    .option("--json", "print series and changes as JSON", false)
    .option(...out)
    .action(async (options: ShowOptions) => exit(await showHistory(options, io)));

  program
    .command("save")
    .description("write a workload to a file")
    .argument("<workload>", "its name")
    .argument("<file>", "the file to write")
    .option("--set <key=value>", "parameter of the workload; repeatable", collect, [])
    .option("--seed <number>", "seed, from 0 to 4294967295", "1")
    .action((name: string, file: string, options: { set: string[]; seed: string }) =>
      exit(save(name, file, options, io)),
    );

  program
    .command("doctor")
    .description("tell whether this machine is fit to measure, and what to do about it")
    .option("--study", "study the native gate on this machine for hours, and write a page about it", false)
    .option("--comparisons <number>", "with --study: comparisons of each row's code with itself", "100")
    .option("--rows <pattern>", "with --study: rows, such as 'shrinker/*/1/*'; the first variant of each unless given")
    .option("--injections <number>", "with --study: comparisons with code slowed by each effect", "20")
    .option(
      "--inject <pattern>",
      "with --study: of these, rows that are slowed; the first of each problem unless given",
    )
    .option("--effects <shares>", "with --study: by how much", "0.03,0.05,0.10")
    .option("--processes <number>", "with --study: processes of a comparison; as the gate has unless given")
    .option("--rounds <number>", "with --study: rounds of each process; as the gate has unless given")
    .option("--families <number>", "with --study: families of rows that are resampled", "2000")
    .option("--seed <number>", "with --study: of turns and of what is drawn", "1")
    .option("--out <file>", "with --study: the page", "docs/statistics.md")
    .option("--results <folder>", "with --study: folder of all results", "results")
    .option("--resume", "with --study: go on with this machine's study", false)
    .action(async ({ study, ...options }: StudyOptions & { readonly study: boolean }) =>
      exit(study ? await doctorStudy(options, commandText(argv), io, signal) : await doctor(io)),
    );

  program
    .command("calibrate")
    .description("measure this host and write a machine profile of it for the simulator")
    .option("--out <file>", "the file to write", "machine.json")
    .option("--base <machine>", "name or file of the profile for what cannot be measured; the likeliest when not given")
    .option("--force", "replace the file if it exists", false)
    .action(async (options: CalibrateOptions) => exit(await calibrate(options, io, signal)));

  program
    .command("fidelity")
    .description("simulate what has been published and write a page that holds it beside ours, about ten minutes")
    .option("--out <file>", "the page", "docs/fidelity.md")
    .option("--row <id>", "simulate this row only, and print it; repeatable", collect, [])
    .option("--workers <count>", "threads that simulate; as many as cores when not given")
    .option("--host <machine>", "measure this host beside its profile, made by calibrate, and write that section only")
    .action(async (options: FidelityOptions) => exit(await fidelity(options, io, signal)));
  return program;
}

/**
 * Runs one command.
 *
 * @param argv arguments without node and script
 * @param signal raised when the user wants to stop
 * @returns the exit code
 */
export async function main(argv: readonly string[], io: Io, signal: AbortSignal): Promise<number> {
  let code = 0;
  const program = buildProgram(argv, io, signal, (exitCode) => {
    code = exitCode;
  });
  try {
    await program.parseAsync([...argv], { from: "user" });
    return code;
  } catch (error) {
    // Commander has said what was wrong.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof InputError) {
      io.warn(`reclaim-bench: ${error.message}\n`);
      return 2;
    }
    io.warn(`reclaim-bench: the harness failed: ${error instanceof Error ? error.stack : String(error)}\n`);
    return 5;
  }
}
