/** Where in the form one is, and the way to any other section. Sections with a wrong field are marked. */
import { useEffect, useState } from "react";
import classes from "./SectionNav.module.css";
import type { Section } from "./sections";

interface Props {
  sections: readonly Section[];
  wrongSections: ReadonlySet<string>;
}

export function SectionNav({ sections, wrongSections }: Props) {
  const present = useSectionInView(sections);
  return (
    <nav className={classes.nav} aria-label="Sections of the form">
      <ul className={classes.list}>
        {sections.map(({ id, title }) => (
          <li key={id}>
            <a
              href={`#${id}`}
              className={classes.link}
              aria-current={id === present ? "true" : undefined}
              data-wrong={wrongSections.has(id) || undefined}
            >
              {title}
              {wrongSections.has(id) && <span className={classes.mark}>needs attention</span>}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** The section that the upper third of the window shows. */
function useSectionInView(sections: readonly Section[]): string | undefined {
  const [present, setPresent] = useState(sections[0]?.id);
  useEffect(() => {
    if (!("IntersectionObserver" in window)) return;
    const observer = new IntersectionObserver(
      (entries) => {
        for (const entry of entries) if (entry.isIntersecting) setPresent(entry.target.id);
      },
      { rootMargin: "-15% 0px -70% 0px" },
    );
    for (const { id } of sections) {
      const element = document.getElementById(id);
      if (element !== null) observer.observe(element);
    }
    return () => {
      observer.disconnect();
    };
  }, [sections]);
  return present;
}
