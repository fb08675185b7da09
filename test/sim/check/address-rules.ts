/**
 * What holds of addresses after every entry, whoever wrote it: no two live holders have one address of a
 * network. Holders are virtual addresses of services, attachments of tasks that did not end, and nodes.
 */
import type { Commit } from '@swarmkit/sdk/contracts/store';
import { isTerminal } from '@swarmkit/sdk/model/task';
import type { Oracle, Rule } from './oracle.js';
import type { Verdict } from './verdict.js';

export class AddressRules implements Rule {
  /** Addresses seen given, so that a run can say that the rule had something to look at. */
  given = 0;
  /** By holder, what it has; by `network address`, who has it. */
  private readonly held = new Map<string, readonly string[]>();
  private readonly holders = new Map<string, string>();

  constructor(private readonly verdict: Verdict) {}

  committed(commit: Commit, oracle: Oracle): void {
    const changed = commit.changes.filter(
      ({ kind }) => kind === 'task' || kind === 'service' || kind === 'node',
    );
    // What comes free in an entry may be given in the same one.
    for (const { kind, id } of changed) this.letGo(`${kind} ${id}`);
    for (const { kind, id } of changed) {
      const holder = `${kind} ${id}`;
      const has = addressesOf(oracle, kind, id);
      if (has.length > 0) this.held.set(holder, has);
      for (const key of has) {
        const other = this.holders.get(key);
        this.verdict.holds(
          other === undefined,
          'one holder an address',
          () => `${key} is held by ${other} and by ${holder}`,
        );
        this.holders.set(key, holder);
        this.given += 1;
      }
    }
  }

  private letGo(holder: string): void {
    for (const key of this.held.get(holder) ?? [])
      if (this.holders.get(key) === holder) this.holders.delete(key);
    this.held.delete(holder);
  }
}

function addressesOf(oracle: Oracle, kind: string, id: string): readonly string[] {
  if (kind === 'service')
    return (oracle.get('service', id)?.endpoint?.virtualIps ?? [])
      .filter(({ addr }) => addr !== '')
      .map(({ networkId, addr }) => `${networkId} ${addr}`);
  const task = kind === 'task' ? oracle.get('task', id) : undefined;
  const attachments =
    kind === 'node'
      ? oracle.get('node', id)?.attachments
      : task === undefined || isTerminal(task)
        ? []
        : task.networks;
  return (attachments ?? []).flatMap(({ network, addresses }) =>
    addresses.map((address) => `${network?.id} ${address}`),
  );
}
