// `state.json`: the managers this node knows, with SwarmKit's name and form. It is a hint and no more: a
// file that cannot be read is said and passed over, one that cannot be written is tried again with the
// next list.
import { readFile } from 'node:fs/promises';
import type { KnownManager } from '@swarmkit/sdk/contracts/identity';
import { messageOf } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import { replaceFile } from './folder.js';

const SECRET = 0o600;

export class ManagerList {
  private list: readonly KnownManager[] = [];
  private writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly file: string,
    private readonly log: Logger,
  ) {}

  async load(): Promise<void> {
    let text: string;
    try {
      text = await readFile(this.file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.complain('read', error);
      return;
    }
    try {
      this.list = parse(text);
    } catch (error) {
      this.complain('read', error);
    }
  }

  /** More of them, by an operator's word: after the cluster moved, nobody who was known is there. */
  also(addresses: readonly string[]): void {
    const known = new Set(this.list.map(({ address }) => address));
    const more = addresses.filter((address) => !known.has(address));
    this.list = [...this.list, ...more.map((address) => ({ nodeId: '', address }))];
  }

  /** Those of `state.json`, without this node. */
  without(nodeId: string): readonly KnownManager[] {
    return this.list.filter((one) => one.nodeId !== nodeId);
  }

  /** Resolves when they are on disk, or cannot be. An empty list says nothing. */
  async use(list: readonly KnownManager[]): Promise<void> {
    const sorted = list
      .filter(({ address }) => address !== '')
      .toSorted((a, b) => (a.nodeId < b.nodeId ? -1 : a.nodeId > b.nodeId ? 1 : 0));
    const text = format(sorted);
    if (sorted.length === 0 || text === format(this.list)) return this.writing;
    this.list = sorted;
    this.writing = this.writing
      .then(() => replaceFile(this.file, text, SECRET))
      .catch((error: unknown) => this.complain('written', error));
    return this.writing;
  }

  private complain(what: string, error: unknown): void {
    this.log.warn({ err: error }, `${this.file} cannot be ${what}: ${messageOf(error)}`);
  }
}

const format = (list: readonly KnownManager[]): string =>
  JSON.stringify(list.map(({ nodeId, address }) => ({ node_id: nodeId, addr: address })));

function parse(text: string): readonly KnownManager[] {
  const content: unknown = JSON.parse(text);
  if (!Array.isArray(content)) throw new Error('it is not a list of managers');
  return content.flatMap((one: { readonly node_id?: unknown; readonly addr?: unknown } | null) =>
    typeof one?.addr === 'string' && one.addr !== ''
      ? [{ nodeId: typeof one.node_id === 'string' ? one.node_id : '', address: one.addr }]
      : [],
  );
}
