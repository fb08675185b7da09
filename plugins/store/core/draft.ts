/**
 * A write in the making: a state that nobody else sees, and a journal of what was done. Synchronous; it
 * ends with the call that it was made for, and refuses every use after that.
 */
import type {
  AddressTally,
  By,
  Change,
  Draft,
  DraftMark,
  NodeTally,
  ObjectKind,
  Objects,
  SlotTally,
  Writer,
} from '@swarmkit/sdk/contracts/store';
import { checkOwnership, touchedFields } from '@swarmkit/sdk/model/field-ownership';
import { timestampFromMs } from '@swarmkit/sdk/model/time';
import { invariant } from '@swarmkit/sdk/plugin/errors';
import type { Meta } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { HeldAddresses } from './address-tally.js';
import { find, keysOf } from './find.js';
import { changeOf, foldForEntry, netChanges, type Operation } from './journal.js';
import { whyNotPut, whyNotRemove } from './rules.js';
import { ServiceSlots } from './slot-tally.js';
import { type State, StateEditor } from './state.js';
import { storeErrors } from './store-errors.js';
import { Tally } from './tally.js';

/** What a finished draft leaves. */
export interface DraftResult {
  readonly state: State;
  /** In the order of the entry's actions. Empty: there is nothing to propose. */
  readonly changes: readonly Change[];
  /** Writers that changed something. */
  readonly by: readonly string[];
}

/** The part of a draft that all its writers share. */
class DraftBody {
  readonly editor: StateEditor;
  readonly operations: Operation[] = [];
  readonly marks: { readonly state: State; readonly operations: number }[] = [];
  /** One object for the whole entry, shared by all it touches. */
  readonly fresh: Pick<Meta, 'version' | 'updatedAt'>;
  ended = false;

  constructor(
    state: State,
    readonly index: bigint,
    now: number,
  ) {
    this.editor = new StateEditor(state);
    this.fresh = { version: { index }, updatedAt: timestampFromMs(now) };
  }

  write(writer: Writer, change: Change, touched?: readonly string[]): void {
    checkOwnership(writer, change, touched);
    if (change.action === 'remove') this.editor.remove(change.kind, change.id);
    else this.editor.put(change.kind, change.object);
    this.operations.push({
      writer: writer.id,
      kind: change.kind,
      id: change.id,
      before: change.old,
      after: change.action === 'remove' ? undefined : change.object,
    });
  }
}

export class StateDraft implements Draft {
  private constructor(
    private readonly body: DraftBody,
    private readonly writer: Writer,
  ) {}

  /** `index`: the last entry before the one that this draft becomes. `now`: wall clock, ms. */
  static on(state: State, writer: Writer, index: bigint, now: number): StateDraft {
    return new StateDraft(new DraftBody(state, index, now), writer);
  }

  get index(): bigint {
    return this.body.index;
  }

  get<K extends ObjectKind>(kind: K, id: string): Objects[K] | undefined {
    return this.open().editor.get(kind, id);
  }

  find<K extends ObjectKind>(kind: K, by: By): readonly Objects[K][] {
    return find(this.open().editor.present, kind, by);
  }

  count(kind: ObjectKind): number {
    return this.open().editor.present[kind].objects.size;
  }

  tally(nodeId: string): NodeTally {
    return this.open().editor.present.task.tallies.get(nodeId) ?? Tally.none;
  }

  slots(serviceId: string): SlotTally {
    return this.open().editor.present.task.slots.get(serviceId) ?? ServiceSlots.none;
  }

  servicesWithTasks(): readonly string[] {
    return keysOf(this.open().editor.present, 'task', 'service');
  }

  addresses(networkId: string): AddressTally {
    return this.open().editor.present.network.addresses.get(networkId) ?? HeldAddresses.none;
  }

  create<K extends ObjectKind>(kind: K, object: Objects[K]): Objects[K] {
    const body = this.open();
    invariant(object.id !== '', 'STORE_NO_ID', { kind, writer: this.writer.id });
    const refusal = whyNotPut(body.editor.present, kind, object);
    if (refusal !== undefined) throw refusal;
    if (body.editor.get(kind, object.id) !== undefined) throw storeErrors.exists();
    const meta: Meta = { ...body.fresh, createdAt: body.fresh.updatedAt };
    const created: Objects[K] = { ...object, meta };
    body.write(this.writer, changeOf(kind, object.id, undefined, created));
    return created;
  }

  update<K extends ObjectKind>(kind: K, object: Objects[K]): Objects[K] {
    const body = this.open();
    const refusal = whyNotPut(body.editor.present, kind, object);
    if (refusal !== undefined) throw refusal;
    const before = body.editor.get(kind, object.id);
    if (before === undefined) throw storeErrors.missing();
    if (versionOf(before) !== versionOf(object)) throw storeErrors.conflict();
    const touched = touchedFields(before, object);
    if (touched.length === 0) return before;
    if (kind === 'extension') throw storeErrors.extensionUpdate();
    const meta: Meta = { createdAt: undefined, ...before.meta, ...body.fresh };
    const updated: Objects[K] = { ...object, meta };
    body.write(this.writer, changeOf(kind, object.id, before, updated), touched);
    return updated;
  }

  remove(kind: ObjectKind, id: string): void {
    const body = this.open();
    const before = body.editor.get(kind, id);
    if (before === undefined) throw storeErrors.missing();
    const refusal = whyNotRemove(body.editor.present, kind, before);
    if (refusal !== undefined) throw refusal;
    body.write(this.writer, changeOf(kind, id, before, undefined));
  }

  as(writer: Writer): Draft {
    return new StateDraft(this.open(), writer);
  }

  mark(): DraftMark {
    const { marks, editor, operations } = this.open();
    marks.push({ state: editor.freeze(), operations: operations.length });
    return { at: marks.length - 1 };
  }

  rollback(mark: DraftMark): void {
    const { marks, editor, operations } = this.open();
    const saved = marks[mark.at];
    invariant(saved !== undefined && saved.operations <= operations.length, 'STORE_MARK', { mark });
    editor.reset(saved.state);
    operations.length = saved.operations;
    // Later marks lead to states that are gone.
    marks.length = mark.at + 1;
  }

  changes(since?: DraftMark): readonly Change[] {
    const { marks, operations } = this.open();
    const from = since === undefined ? 0 : marks[since.at]?.operations;
    invariant(from !== undefined, 'STORE_MARK', { mark: since });
    return netChanges(operations.slice(from));
  }

  /** Ends the draft. */
  finish(): DraftResult {
    const { editor, operations } = this.open();
    const changes = foldForEntry(operations);
    this.discard();
    const by = [...new Set(operations.map((operation) => operation.writer))];
    return { state: editor.freeze(), changes, by };
  }

  /** Ends the draft without a result. */
  discard(): void {
    this.body.ended = true;
  }

  private open(): DraftBody {
    invariant(!this.body.ended, 'STORE_DRAFT_ENDED', { writer: this.writer.id });
    return this.body;
  }
}

const versionOf = (object: Objects[ObjectKind]): bigint => object.meta?.version?.index ?? 0n;
