// Creates sessions with mTLS and a bearer token, and prints them.
//
//	target/go/create 127.0.0.1:50051 DIRECTORY 1
//
// DIRECTORY has ca.crt, tls.crt, tls.key and token, as mounted in a pod. The last arguments are
// numbers of audit images: one call for each. Run it from the root of the repository;
// examples/README.md shows how to build it.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	livegatev1 "example.com/livegate/v1"
)

const deadline = 10 * time.Second

// tokenFile is read again for each call, because the kubelet replaces it.
type tokenFile string

func (path tokenFile) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	token, err := os.ReadFile(string(path))
	if err != nil {
		return nil, err
	}
	return map[string]string{"authorization": "Bearer " + strings.TrimSpace(string(token))}, nil
}

func (tokenFile) RequireTransportSecurity() bool { return true }

// connect opens a connection that retries as the service config says.
func connect(endpoint, directory string) (*grpc.ClientConn, error) {
	serviceConfig, err := os.ReadFile("deploy/service-config.json")
	if err != nil {
		return nil, err
	}
	authority, err := os.ReadFile(filepath.Join(directory, "ca.crt"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		return nil, fmt.Errorf("ca.crt has no certificate")
	}
	certificate, err := tls.LoadX509KeyPair(filepath.Join(directory, "tls.crt"), filepath.Join(directory, "tls.key"))
	if err != nil {
		return nil, err
	}
	config := &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{certificate}}
	return grpc.NewClient("dns:///"+endpoint,
		grpc.WithTransportCredentials(credentials.NewTLS(config)),
		grpc.WithPerRPCCredentials(tokenFile(filepath.Join(directory, "token"))),
		grpc.WithDefaultServiceConfig(string(serviceConfig)))
}

func create(sessions livegatev1.SessionServiceClient, images int32) (*livegatev1.CreateSessionResponse, error) {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	return sessions.CreateSession(ctx, &livegatev1.CreateSessionRequest{
		// Once for each session that you want, outside of any retry.
		RequestId: uuid.Must(uuid.NewV7()).String(),
		Subject:   "user-7", // the end user, from your own login
		Settings:  &livegatev1.SessionSettings{AuditImagesLimit: images},
	})
}

// printError prints the code, the reason, and what to fix or how long to wait.
func printError(err error) {
	failure := status.Convert(err)
	fmt.Println(failure.Code(), failure.Message())
	for _, detail := range failure.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			fmt.Println("reason:", detail.GetReason())
		case *errdetails.RetryInfo:
			fmt.Println("retry after:", detail.GetRetryDelay().AsDuration())
		case *errdetails.BadRequest:
			for _, violation := range detail.GetFieldViolations() {
				fmt.Printf("%s: %s\n", violation.GetField(), violation.GetDescription())
			}
		}
	}
}

func main() {
	if len(os.Args) < 4 {
		log.Fatal("usage: create ENDPOINT DIRECTORY IMAGES...")
	}
	connection, err := connect(os.Args[1], os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	sessions := livegatev1.NewSessionServiceClient(connection)
	for _, argument := range os.Args[3:] {
		images, err := strconv.ParseInt(argument, 10, 32)
		if err != nil {
			log.Fatal(err)
		}
		response, err := create(sessions, int32(images))
		if err != nil {
			printError(err)
			continue
		}
		fmt.Println(response.GetSession().GetSessionId(), "in", response.GetSession().GetRegion())
	}
}
