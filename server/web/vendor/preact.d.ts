// The part of Preact that the app uses, as types.
export type Child = VNode | string | number | boolean | null | undefined | Child[];
export interface VNode { type: unknown; props: Record<string, unknown>; key: unknown }
export function h(type: unknown, props: Record<string, unknown> | null, ...children: unknown[]): VNode;
export function render(vnode: Child, parent: Element): void;
export const Fragment: unknown;
export class Component<P = Record<string, unknown>, S = Record<string, unknown>> {
  constructor(props: P);
  props: P;
  state: S;
  setState(state: Partial<S>): void;
  render(props: P, state: S): Child;
}
