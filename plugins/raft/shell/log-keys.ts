/**
 * The keys that the log is encrypted with, from their keeper to the cipher, and their rotation: the new key
 * is kept first, then used, and the old one goes when nothing is under it any more. Without a keeper the
 * log is plain.
 */
import type { DataKeySet, DataKeys } from '@swarmkit/sdk/contracts/data-keys';
import type { Random } from '@swarmkit/sdk/plugin/env';
import { type LogCipher, newDataKey } from './log-cipher.js';

const NONE: DataKeySet = { current: undefined, pending: undefined, needsRotation: false };

export class LogKeys {
  constructor(
    private readonly keeper: DataKeys | undefined,
    private readonly cipher: LogCipher,
    private readonly random: Random,
  ) {}

  /** Before anything is read or written. */
  async open(): Promise<void> {
    const { keeper } = this;
    if (keeper === undefined) return;
    if (keeper.read().current === undefined)
      await keeper.write({ ...NONE, current: newDataKey(this.random) });
    this.use(keeper.read());
  }

  /** Records are under two keys. */
  get isRotating(): boolean {
    return this.keeper?.read().pending !== undefined;
  }

  /** From when this resolves on new records are under the new key. False: a rotation is in progress already. */
  async begin(): Promise<boolean> {
    const { keeper } = this;
    if (keeper === undefined) return false;
    const keys = keeper.read();
    if (keys.pending !== undefined) {
      await keeper.write({ ...keys, needsRotation: true });
      return false;
    }
    await keeper.write({ ...keys, pending: newDataKey(this.random), needsRotation: false });
    this.use(keeper.read());
    return true;
  }

  /** Nothing is under the old key any more. True when it is to be done once more. */
  async finish(): Promise<boolean> {
    const { current, pending, needsRotation } = this.keeper?.read() ?? NONE;
    if (pending === undefined) return false;
    await this.keeper?.write({ ...NONE, current: pending });
    if (current !== undefined) this.cipher.drop(current);
    return needsRotation;
  }

  /** The log is gone, and so are its keys. */
  async erase(): Promise<void> {
    await this.keeper?.write(NONE);
  }

  private use({ current, pending }: DataKeySet): void {
    this.cipher.use([current, pending].filter((key) => key !== undefined));
  }
}
