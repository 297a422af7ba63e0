/** A voice by name, with those that the voice workers have as suggestions, and a button to hear it. */
import { Autocomplete, Group } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useFormContext, useWatch } from "react-hook-form";
import type { AgentConfig } from "../agents";
import { voicesQuery } from "../voices";
import { ownMessage, type FieldProps } from "./FieldProps";
import { Help } from "./Help";
import { ListenButton } from "./ListenButton";

export default function VoiceField({ onElement, ...props }: FieldProps) {
  const voices = useQuery(voicesQuery);
  const { control } = useFormContext<AgentConfig>();
  const greeting = useWatch({ control, name: "greeting" });
  const value = typeof props.value === "string" ? props.value : "";
  return (
    <Group align="flex-end" gap="sm" wrap="wrap">
      <Autocomplete
        label={props.label}
        description={<Help help={props.help} limits={props.limits} />}
        error={ownMessage(props.error)}
        ref={onElement}
        name={props.path}
        value={value}
        readOnly={props.isReadOnly}
        required={props.isRequired}
        onBlur={props.onBlur}
        onChange={props.onChange}
        data={[...new Set((voices.data ?? []).map((voice) => voice.name))]}
        limit={100}
        maw="28rem"
        flex="1 1 16rem"
      />
      {value !== "" && !props.isReadOnly && <ListenButton voice={value} text={greeting} />}
    </Group>
  );
}
