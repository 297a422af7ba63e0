/**
 * What surrounds every page: navigation at the left (below, on a phone), who is signed in, light or dark, and a link for
 * the keyboard that skips all of it. After a change of page the focus moves to the content, so that a screen reader
 * reads on there and not in the navigation.
 */
import { Skeleton } from "@mantine/core";
import { IconBroadcast, IconMicrophone, IconPhoneCall, IconRobot, IconTheater, type Icon } from "@tabler/icons-react";
import { lazy, Suspense, useEffect, useRef } from "react";
import { NavLink, Outlet, ScrollRestoration, useLocation, useNavigation } from "react-router";
import { Brand } from "./Brand";
import { ColorSchemeToggle } from "./ColorSchemeToggle";
import { Fallback } from "./Fallback";
import classes from "./Shell.module.css";

// Menus float, which takes much code: the page need not wait for it.
const AccountMenu = lazy(() => import("../access/AccountMenu"));

const PLACES: readonly { to: string; label: string; icon: Icon }[] = [
  { to: "/calls", label: "Calls", icon: IconPhoneCall },
  { to: "/live", label: "Live", icon: IconBroadcast },
  { to: "/agents", label: "Agents", icon: IconRobot },
  { to: "/rehearsals", label: "Rehearsals", icon: IconTheater },
  { to: "/talk", label: "Talk", icon: IconMicrophone },
];

const CONTENT_ID = "content";

export function Shell() {
  const content = useRef<HTMLElement>(null);
  const isLoading = useNavigation().state === "loading";
  useFocusAfterNavigation(content);
  return (
    <div className={classes.shell}>
      <a className={classes.skip} href={`#${CONTENT_ID}`}>
        Skip to the content
      </a>
      <header className={classes.top}>
        <Brand />
        <div className={classes.topTools}>
          <ColorSchemeToggle />
          <Suspense fallback={<Skeleton circle height={36} />}>
            <AccountMenu />
          </Suspense>
        </div>
      </header>
      <nav className={classes.nav} aria-label="Main">
        <div className={classes.navBrand}>
          <Brand />
        </div>
        <ul className={classes.places}>
          {PLACES.map(({ to, label, icon: Pictogram }) => (
            <li key={to}>
              <NavLink to={to} className={classes.place ?? ""}>
                <Pictogram size={20} stroke={1.6} aria-hidden="true" />
                <span>{label}</span>
              </NavLink>
            </li>
          ))}
        </ul>
        <div className={classes.navFoot}>
          <Suspense fallback={<Skeleton height={40} width={110} />}>
            <AccountMenu isWide />
          </Suspense>
          <ColorSchemeToggle />
        </div>
      </nav>
      <div className={classes.progress} data-loading={isLoading || undefined} aria-hidden="true" />
      <main id={CONTENT_ID} className={classes.content} ref={content} tabIndex={-1}>
        <Suspense fallback={<Fallback />}>
          <Outlet />
        </Suspense>
      </main>
      <ScrollRestoration />
    </div>
  );
}

function useFocusAfterNavigation(content: React.RefObject<HTMLElement | null>): void {
  const { pathname } = useLocation();
  const last = useRef(pathname);
  useEffect(() => {
    if (last.current === pathname) return;
    last.current = pathname;
    content.current?.focus({ preventScroll: true });
  }, [pathname, content]);
}
