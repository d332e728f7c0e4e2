export interface Ref<T> { current: T }
export function useState<T>(initial: T | (() => T)): [T, (next: T | ((now: T) => T)) => void];
export function useEffect(effect: () => void | (() => void), inputs?: unknown[]): void;
export function useLayoutEffect(effect: () => void | (() => void), inputs?: unknown[]): void;
export function useMemo<T>(make: () => T, inputs?: unknown[]): T;
export function useRef<T>(initial: T): Ref<T>;
export function useCallback<T>(callback: T, inputs?: unknown[]): T;
export function useId(): string;
