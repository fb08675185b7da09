/**
 * The stages in their order, and one turn over them.
 *
 * Who sees what: a change of stage j is noted for every other stage as soon as j has run. Later stages
 * take it in the same turn, earlier ones in the next. A stage's own changes are not noted for itself,
 * since a plan on its own result is empty. So nothing is missed, and when a turn changes nothing no
 * stage is due any more: the ring rests. Our own commits, when they come back, say nothing new.
 */
import type { Reconciler } from '@swarmkit/sdk/contracts/reconciler';
import type { Change, Commit, Draft } from '@swarmkit/sdk/contracts/store';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import { StageLedger } from './stage-ledger.js';

export interface StageFailure {
  /** Its writer id; with the object, where it could do without that one. */
  readonly stage: string;
  readonly error: unknown;
}

export interface TurnReport {
  /** Writer ids of the stages that ran, in order. */
  readonly ran: readonly string[];
  /** How many objects each stage changed, where it did. */
  readonly changed: Readonly<Record<string, number>>;
  readonly failures: readonly StageFailure[];
  /** A stage left something for the next turn, so that this one stays short. */
  readonly goesOn: boolean;
}

export class Ring {
  private readonly ledgers: readonly StageLedger[];
  private readonly ids: ReadonlySet<string>;

  /** Refuses stages that would write each other's fields. */
  constructor(stages: readonly Reconciler[]) {
    const ordered = [...stages].sort(
      (a, b) => a.order - b.order || (a.writer.id < b.writer.id ? -1 : 1),
    );
    checkOwners(ordered);
    this.ledgers = ordered.map((stage) => new StageLedger(stage));
    this.ids = new Set(ordered.map((stage) => stage.writer.id));
  }

  get stages(): readonly string[] {
    return [...this.ids];
  }

  /** Whether a commit is one of our turns coming back. */
  isOwn(commit: Commit): boolean {
    return commit.by.length > 0 && commit.by.every((id) => this.ids.has(id));
  }

  note(changes: readonly Change[]): void {
    for (const ledger of this.ledgers) ledger.note(changes);
  }

  /** What the last turn planned may not have happened. */
  noteEverything(): void {
    for (const ledger of this.ledgers) ledger.noteEverything();
  }

  /** When the next turn is due; in the past: now. undefined: not until something changes. */
  nextAt(): number | undefined {
    let earliest: number | undefined;
    for (const ledger of this.ledgers) {
      const at = ledger.nextAt();
      if (at !== undefined && (earliest === undefined || at < earliest)) earliest = at;
    }
    return earliest;
  }

  /** Runs the stages that are due. A stage that throws leaves no trace in the draft. */
  turn(draft: Draft, now: number, id: () => string): TurnReport {
    const ran: string[] = [];
    const changed: Record<string, number> = {};
    const failures: StageFailure[] = [];
    let goesOn = false;
    for (const ledger of this.ledgers) {
      if (!ledger.isDue(now)) continue;
      const { writer } = ledger.stage;
      const mark = draft.mark();
      const dirty = ledger.take(now);
      ran.push(writer.id);
      try {
        const result = ledger.stage.reconcile({ draft: draft.as(writer), now, id, dirty });
        ledger.ran(result, now);
        for (const { object, error } of result.failures ?? [])
          failures.push({ stage: `${writer.id}, ${object.kind} ${object.id}`, error });
        if ((result.unfinished ?? []).length > 0) goesOn = true;
      } catch (error) {
        draft.rollback(mark);
        ledger.failed(now);
        failures.push({ stage: writer.id, error });
        continue;
      }
      const changes = draft.changes(mark);
      if (changes.length === 0) continue;
      changed[writer.id] = changes.length;
      for (const other of this.ledgers) if (other !== ledger) other.note(changes);
    }
    return { ran, changed, failures, goesOn };
  }
}

function checkOwners(stages: readonly Reconciler[]): void {
  const owners = new Map<string, string>();
  const ids = new Set<string>();
  for (const { writer } of stages) {
    if (ids.has(writer.id))
      throw new SwarmError(
        'failed-precondition',
        'TURN_STAGE_TWICE',
        `two stages of the turn call themselves ${writer.id}: install one of them, or rename it`,
      );
    ids.add(writer.id);
    for (const field of writer.writes) {
      const other = owners.get(field);
      if (other !== undefined)
        throw new SwarmError(
          'failed-precondition',
          'TURN_FIELD_TWICE',
          `${other} and ${writer.id} both own ${field}: a field has one writer, so leave one of them out`,
        );
      owners.set(field, writer.id);
    }
  }
}
