// What an operator runs on another machine, ready to be copied.

export interface JoinCommand {
  readonly role: 'worker' | 'manager';
  readonly command: string;
}

export const joinCommands = (
  address: string,
  tokens: { readonly worker: string; readonly manager: string },
): readonly JoinCommand[] =>
  (['worker', 'manager'] as const).map((role) => ({
    role,
    command: `swarmd --join-addr ${address} --join-token ${tokens[role]}`,
  }));
