/** `on 1 node`, `on 3 nodes`: how most filters end their explanation. */
export const onNodes = (nodes: number): string => (nodes === 1 ? 'on 1 node' : `on ${nodes} nodes`);
